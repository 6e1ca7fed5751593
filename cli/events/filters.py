"""The options by which all verbs select events and dead letters, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args
from uuid import UUID

import click
from sqlalchemy import Connection, text

from cli.events.values import At, Moment, Type
from events.contracts.outcomes import Outcome
from events.selection import BEGINNING, Selection
from local_stack.state import State
from runtime.ids import AccountId, ConversationId, Partition

F = TypeVar("F", bound=Callable[..., Any])
_ACCOUNT = text("SELECT id FROM identity.directory WHERE username = :username")


_OUTCOMES = click.Choice(list(get_args(Outcome)))
_OUTCOME = click.option(
    "--outcome", "--status", "outcomes", type=_OUTCOMES, multiple=True, help="What it became."
)
_TIME = "a time (UTC if without a zone), a date, or 90s, 15m, 2h, 7d ago."
_LIMIT = click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="A page's length.",
)
_AFTER = click.option(
    "--after", type=At(), default=BEGINNING, help="Behind this place: the next page."
)


def _options(what: str, kind: Type) -> tuple[Callable[[F], F], ...]:
    """Return the options but for the outcome, for times at which `what` was done."""
    return (
        click.option(
            "--partition", "partitions", type=click.IntRange(0), multiple=True, help="Of this one."
        ),
        click.option("--since", type=Moment(), help=f"{what} then or later: {_TIME}"),
        click.option("--until", type=Moment(), help=f"{what} before."),
        click.option("--type", "types", type=kind, multiple=True, help="message.sent, or with .v1"),
        click.option("--account", "accounts", multiple=True, help="By or to it: username or id."),
        click.option("--actor", "actors", multiple=True, help="By it; quick if the log is long."),
        click.option(
            "--conversation", "conversations", type=click.UUID, multiple=True, help="By its id."
        ),
    )


def letter_filters(function: F) -> F:
    """Add the options that select dead letters; most may be given again."""
    return _added(_options("Parked", Type(known=False)), function)


def filters(function: F) -> F:
    """Add the options that select events; most may be given again, and all must be met."""
    return _added(_options("Accepted", Type(known=True)), _OUTCOME(function))


def paged(function: F) -> F:
    """Add the options that select a page."""
    return _added((_LIMIT, _AFTER), function)


def _added(options: Sequence[Callable[[F], F]], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def selection(connection: Connection, state: State, named: dict[str, Any]) -> Selection:
    """Return what the options `named` select in the stack of `state`.

    Raises:
        click.BadParameter: There is no such account or partition, or no such span of time.
    """
    since, until = named["since"], named["until"]
    if since and until and since >= until:
        raise click.BadParameter("it must be later than --since.", param_hint="--until")
    return Selection(
        partitions=tuple(
            partition_of(state, number, "--partition") for number in named["partitions"]
        ),
        since=since,
        until=until,
        types=named["types"],
        accounts=tuple(account_of(connection, each, "--account") for each in named["accounts"]),
        actors=tuple(account_of(connection, each, "--actor") for each in named["actors"]),
        conversations=tuple(map(ConversationId, named["conversations"])),
        outcomes=named.get("outcomes", ()),
    )


def partition_of(state: State, number: int, option: str) -> Partition:
    """Return the partition of this number, which `option` gave.

    Raises:
        click.BadParameter: The stack has none.
    """
    count = state.record.event_partitions
    if number not in range(count):
        raise click.BadParameter(
            f"there is no partition {number}: they are 0 to {count - 1}.", param_hint=option
        )
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
