"""Time as an argument: aware, UTC, in microseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Return `moment` as RFC 3339 in UTC with microseconds and `Z`.

    Args:
        moment: An aware datetime of any zone.

    Raises:
        ValueError: `moment` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in RFC 3339: give it a zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """Return the aware UTC moment that `text` names.

    Raises:
        ValueError: `text` is no RFC 3339 time or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone: end it with Z")
    return moment.astimezone(UTC)
