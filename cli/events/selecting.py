"""The options by which verbs select events, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import click
from sqlalchemy import Connection, text

from events.selection import Place, Selection
from runtime.clock import parse_rfc3339, utc_now
from runtime.errors import MessagingError
from runtime.ids import AccountId, ConversationId

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ACCOUNT = text("SELECT id FROM identity.directory WHERE username = :username")


class AccountUnknownError(MessagingError):
    """No account has this username; a deleted one is named by its id."""


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339, or how long ago: 90s, 15m, 2h, 7d."""

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
            return parse_rfc3339(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither 2026-01-31T12:00:00Z nor 90s, 15m, 2h, 7d", param, ctx)


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
        AccountUnknownError: There is no such account.
    """
    account, conversation = named["account"], named["conversation"]
    return Selection(
        partitions=named["partitions"],
        since=named["since"],
        until=named["until"],
        type_name=named["type_name"],
        account=account and _account(connection, account),
        conversation=conversation and ConversationId(conversation),
        **more,
    )


def given(named: dict[str, Any]) -> bool:
    """Return whether any of the options was used."""
    return any(value not in (None, ()) for value in named.values())


def _account(connection: Connection, name: str) -> AccountId:
    try:
        return AccountId(UUID(name))
    except ValueError:
        pass
    found = connection.execute(_ACCOUNT, {"username": name}).scalar()
    if found is None:
        raise AccountUnknownError
    return AccountId(found)
