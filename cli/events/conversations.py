"""The options that choose conversations by events of theirs, and the selection that they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from sqlalchemy import Engine

from cli.events.filters import Moment, account_of
from events.replay import Selection
from runtime.ids import ConversationId, Partition

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--partition", "partitions", multiple=True, type=click.IntRange(0)),
    click.option(
        "--since", type=Moment(), help="Accepted then or later: RFC 3339, or 90s, 15m, 2h, 7d ago."
    ),
    click.option("--until", type=Moment(), help="Accepted before."),
    click.option("--type", "types", multiple=True, help="message.sent.v1, or message.sent."),
    click.option("--account", "accounts", multiple=True, help="A username or an account's id."),
    click.option("--conversation", "conversations", multiple=True, type=click.UUID),
    click.option(
        "--outcome",
        "outcomes",
        multiple=True,
        type=click.Choice(["applied", "rejected", "parked"]),
    ),
)


def selecting(command: Command) -> Command:
    """Add the filters to a command; each may be given again, and all must be met."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selection_of(engine: Engine, filters: dict[str, Any]) -> Selection:
    """Return what the options mean.

    Raises:
        click.BadParameter: There is no such account.
    """
    with engine.connect() as connection:
        accounts = tuple(account_of(connection, named) for named in filters["accounts"])
    return Selection(
        partitions=tuple(Partition(number) for number in filters["partitions"]),
        since=filters["since"],
        until=filters["until"],
        types=tuple(filters["types"]),
        accounts=accounts,
        conversations=tuple(ConversationId(each) for each in filters["conversations"]),
        outcomes=tuple(filters["outcomes"]),
    )
