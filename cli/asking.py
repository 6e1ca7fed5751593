"""The question before what cannot be taken back."""

from __future__ import annotations

import click

from runtime.errors import MessagingError


class NotConfirmedError(MessagingError):
    """Not confirmed, so nothing was changed: answer y, or give --yes."""


def confirm(question: str) -> None:
    """Ask on standard error.

    Raises:
        NotConfirmedError: The answer is not yes, or nobody is there to answer.
    """
    try:
        confirmed = click.confirm(question, err=True)
    except click.Abort:
        # What comes next stands on a line of its own.
        click.echo(err=True)
        confirmed = False
    if not confirmed:
        raise NotConfirmedError
