"""The options by which verbs select events and dead letters, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import click
from sqlalchemy import Connection, text

from events.selection import Place, Selection
from runtime.clock import utc_now
from runtime.ids import AccountId, ConversationId

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


_OPTIONS = (
    click.option("--partition", "partitions", type=int, multiple=True, help="In this partition."),
    click.option("--since", type=Moment(), help="Not before: RFC 3339, or 90s, 15m, 2h, 7d ago."),
    click.option("--until", type=Moment(), help="Before."),
    click.option("--type", "type_name", help="message.sent, or message.sent.v1."),
    click.option("--account", help="By this account: username or id."),
    click.option("--conversation", type=click.UUID, help="In this conversation."),
)


def filters(function: F) -> F:
    """Add the options that all selections share."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def selection(connection: Connection, named: dict[str, Any], **more: Any) -> Selection:
    """Return what the options `named` select.

    Raises:
        click.BadParameter: There is no such account.
    """
    account, conversation = named["account"], named["conversation"]
    return Selection(
        partitions=named["partitions"],
        since=named["since"],
        until=named["until"],
        type_name=named["type_name"],
        account=account and account_of(connection, account),
        conversation=conversation and ConversationId(conversation),
        **more,
    )


def given(named: dict[str, Any]) -> bool:
    """Return whether any of the options was used."""
    return any(value not in (None, ()) for value in named.values())


def account_of(connection: Connection, named: str) -> AccountId:
    """Return the account of a username or an id; a deleted one has no name any more.

    Raises:
        click.BadParameter: There is none.
    """
    # The name first: a username may look like an id.
    found = connection.execute(_ACCOUNT, {"username": named}).scalar()
    if found is not None:
        return AccountId(found)
    try:
        return AccountId(UUID(named))
    except ValueError:
        raise click.BadParameter(
            f"No account has the username {named!r}; a deleted one is named by its id.",
            param_hint="--account",
        ) from None
