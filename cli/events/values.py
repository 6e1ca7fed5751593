"""What the options of `messaging events` take: times, places, names, types, words, rates."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import click

from events.contracts.envelope import CONTRACTS, READERS
from events.selection import Place
from runtime.clock import utc_now

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_TYPE = re.compile(r"[A-Za-z0-9._-]+")
_KINDS = {contract.TYPE for contract in CONTRACTS.values()}
# An event in a quarter of an hour: slower than that, nothing seems to happen.
_SLOWEST = 0.001


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339, a date, or how long ago: 90s, 15m, 2h, 7d; without a zone it is UTC."""

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


class At(click.ParamType[Place]):
    """A place: of an event, or behind which a page begins."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        """Read it."""
        try:
            return value if isinstance(value, Place) else Place.parse(value)
        except ValueError:
            self.fail(f"{value!r} is no place like 3/1771234567890-0", param, ctx)


class Type(click.ParamType[str]):
    """A type of event, with its version or for all its versions; only of ours where `known`."""

    name = "type"

    def __init__(self, *, known: bool) -> None:
        """Refuse those without a contract if `known`: a dead letter may be of any."""
        self._known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it."""
        # An empty one would be in every entry that cannot be read.
        if not _TYPE.fullmatch(value):
            self.fail(f"{value!r} is no type of event like message.sent", param, ctx)
        if self._known and value not in _KINDS and value not in READERS:
            names = ", ".join(sorted(_KINDS))
            self.fail(f"{value!r} is no type of event: there are {names}", param, ctx)
        return str(value)


class Words(click.ParamType[str]):
    """A text that says something: an empty one is a script's variable that was not set."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it."""
        if not value.strip():
            self.fail("it is empty", param, ctx)
        return str(value)


class Rate(click.FloatRange):
    """Events a second; no number of nothing, nor infinitely many."""

    name = "rate"

    def __init__(self) -> None:
        """Take any that makes progress."""
        super().__init__(min=_SLOWEST)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it."""
        rate = float(super().convert(value, param, ctx))
        if not math.isfinite(rate):
            self.fail(f"{value!r} is no number of events a second", param, ctx)
        return rate
