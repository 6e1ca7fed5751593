"""The options by which all verbs select events and dead letters, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, get_args
from uuid import UUID

import click
from sqlalchemy import Connection, text

from events.contracts.outcomes import Outcome
from events.selection import BEGINNING, Place, Selection
from local_stack.state import State
from runtime.clock import utc_now
from runtime.ids import AccountId, ConversationId, Partition

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ACCOUNT = text("SELECT id FROM identity.directory WHERE username = :username")


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339, a date (UTC), or how long ago: 90s, 15m, 2h, 7d."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it."""
        if isinstance(value, datetime):
            return value
        number, unit = value[:-1], value[-1:]
        try:
            if unit in _UNITS and number.isdecimal():
                return utc_now() - timedelta(seconds=int(number) * _UNITS[unit])
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither 2026-01-31T12:00:00Z nor 90s, 15m, 2h, 7d", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Name(click.ParamType["Place | UUID"]):
    """A dead letter: its place, or its event's id."""

    name = "name"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place | UUID:
        """Read it."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # read already
        try:
            return Place.parse(value) if "/" in value else UUID(value)
        except ValueError:
            self.fail(
                f"{value!r} is neither a place like 3/1771234567890-0 nor an event's id", param, ctx
            )


class Behind(click.ParamType[Place]):
    """A place, behind which a page begins."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        """Read it."""
        try:
            return value if isinstance(value, Place) else Place.parse(value)
        except ValueError:
            self.fail(f"{value!r} is no place like 3/1771234567890-0", param, ctx)


_OUTCOMES = click.Choice(list(get_args(Outcome)))
_OPTIONS = (
    click.option("--partition", "partitions", type=click.IntRange(0), multiple=True),
    click.option("--since", type=Moment(), help="Not before: RFC 3339, or 90s, 15m, 2h, 7d ago."),
    click.option("--until", type=Moment(), help="Before."),
    click.option("--type", "types", multiple=True, help="message.sent, or message.sent.v1."),
    click.option("--account", "accounts", multiple=True, help="By or to it: a username or an id."),
    click.option("--actor", "actors", multiple=True, help="By it: quick, however long the log is."),
    click.option("--conversation", "conversations", type=click.UUID, multiple=True),
)
_OUTCOME = click.option(
    "--outcome", "--status", "outcomes", type=_OUTCOMES, multiple=True, help="What it became."
)
paged = click.option(
    "--after", type=Behind(), default=BEGINNING, help="Behind this place: the next page."
)


def letter_filters(function: F) -> F:
    """Add the options that select events, without their outcome; most may be given again."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def filters(function: F) -> F:
    """Add the options that select events; most may be given again, and all must be met."""
    return letter_filters(_OUTCOME(function))


def selection(connection: Connection, state: State, named: dict[str, Any]) -> Selection:
    """Return what the options `named` select in the stack of `state`.

    Raises:
        click.BadParameter: There is no such account or partition.
    """
    return Selection(
        partitions=tuple(partition_of(state, number) for number in named["partitions"]),
        since=named["since"],
        until=named["until"],
        types=named["types"],
        accounts=tuple(account_of(connection, each, "--account") for each in named["accounts"]),
        actors=tuple(account_of(connection, each, "--actor") for each in named["actors"]),
        conversations=tuple(map(ConversationId, named["conversations"])),
        outcomes=named.get("outcomes", ()),
    )


def partition_of(state: State, number: int) -> Partition:
    """Return the partition of this number.

    Raises:
        click.BadParameter: The stack has none.
    """
    count = state.record.event_partitions
    if number not in range(count):
        raise click.BadParameter(f"there is no partition {number}: they are 0 to {count - 1}.")
    return Partition(number)


def account_of(connection: Connection, named: str, option: str) -> AccountId:
    """Return the account of a username or an id; a deleted one has no name any more.

    Raises:
        click.BadParameter: There is none.
    """
    # The name first: a username may look like an id.
    if found := account_called(connection, named):
        return found
    try:
        return AccountId(UUID(named))
    except ValueError:
        raise click.BadParameter(
            f"No account has the username {named!r}; a deleted one is named by its id.",
            param_hint=option,
        ) from None


def account_called(connection: Connection, username: str) -> AccountId | None:
    """Return the account of this username, if there is one."""
    found = connection.execute(_ACCOUNT, {"username": username}).scalar()
    return None if found is None else AccountId(found)
