"""The options that choose events, and the selection that they mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import click
from sqlalchemy import Engine, text

from events.replay import Selection
from runtime.ids import AccountId, ConversationId, Partition

Command = TypeVar("Command", bound=Callable[..., Any])

_KNOWN = text("SELECT id FROM identity.directory WHERE username = :username")


class Moment(click.ParamType[datetime]):
    """A time in RFC 3339, or a date; UTC where it names no zone."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the aware moment."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time: write 2026-11-22T18:57:59Z or 2026-11-22", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_OPTIONS = (
    click.option("--partition", "partitions", multiple=True, type=click.IntRange(0)),
    click.option("--since", type=Moment(), help="Accepted then or later: RFC 3339."),
    click.option("--until", type=Moment(), help="Accepted before: RFC 3339."),
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
    return Selection(
        partitions=tuple(Partition(number) for number in filters["partitions"]),
        since=filters["since"],
        until=filters["until"],
        types=tuple(filters["types"]),
        accounts=tuple(_account(engine, named) for named in filters["accounts"]),
        conversations=tuple(ConversationId(each) for each in filters["conversations"]),
        outcomes=tuple(filters["outcomes"]),
    )


def _account(engine: Engine, named: str) -> AccountId:
    with engine.connect() as connection:
        found = connection.execute(_KNOWN, {"username": named}).scalar()
    if found is not None:
        return AccountId(found)
    try:
        # A deleted account has no name any more.
        return AccountId(UUID(named))
    except ValueError:
        raise click.BadParameter(f"no account has the username {named!r}.") from None
