"""`messaging events schema`: what events there are."""

from __future__ import annotations

import json

import click


@click.command()
def schema() -> None:
    """Print the AsyncAPI 3.0 document of all events, as JSON.

    It lists every version of every event that was ever written. It needs no stack.
    """
    # Imported here: its libraries cost a third of a second.
    from events.contracts import asyncapi  # noqa: PLC0415

    click.echo(json.dumps(asyncapi.document(), indent=2, ensure_ascii=False))
