"""What is remembered with an idempotency key, so that a repeated command gets the first answer.

Consistency tokens are left out: they are rebuilt from the offsets, which the queue remembers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from runtime.ids import EventId, MessageId, Partition


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A command accepted: its event, where that was put, and the message it speaks of, if any."""

    event_id: EventId
    message_id: MessageId | None
    partition: Partition


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A command of a batch refused: the members of its problem."""

    problem: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of each command of a request, in order, and when (RFC 3339)."""

    accepted_at: str
    lines: tuple[Noted | Refused, ...]

    def encode(self) -> bytes:
        """Return the receipt as bytes."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, receipt: bytes) -> Receipt:
        """Return what `encode` wrote."""
        members = orjson.loads(receipt)
        return cls(accepted_at=members["accepted_at"], lines=tuple(map(_line, members["lines"])))


def _line(members: Mapping[str, Any]) -> Noted | Refused:
    if "problem" in members:
        return Refused(problem=members["problem"])
    message_id = members["message_id"]
    return Noted(
        event_id=EventId(UUID(members["event_id"])),
        message_id=MessageId(UUID(message_id)) if message_id else None,
        partition=Partition(members["partition"]),
    )
