"""Reads a line of an exported event log: what `import` takes, and nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import UUID

import orjson

from events.archive import (
    CHECKPOINT,
    DEAD_LETTER,
    END,
    HEADER,
    SOURCE,
    STOPPED,
    ArchiveError,
    End,
    Header,
)
from events.checkpoints import Checkpoint
from events.contracts.offsets import Offset
from events.letters import Letter
from events.selection import Logged, Place
from runtime.clock import parse_rfc3339
from runtime.ids import Partition

Item = Header | Checkpoint | Logged | Letter | End


def read_line(line: bytes) -> Item:
    """Read what one of the functions of `events.archive` wrote.

    Raises:
        ArchiveError: It is none of their lines.
    """
    try:
        attributes = orjson.loads(line)
        ours = attributes.get("source") == SOURCE
        if ours and attributes["type"] == STOPPED:
            raise ArchiveError("The export was stopped: go on with it by `export --resume`.")
        if ours and attributes["type"] not in _READ:
            raise ArchiveError(f"Another release made it: this one reads no {attributes['type']}.")
        return _READ[attributes["type"]](attributes) if ours else _read_event(attributes)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"A line is not one of an export: {error!r}.") from error


def _read_header(attributes: Mapping[str, Any]) -> Header:
    data = attributes["data"]
    return Header(
        id=UUID(attributes["id"]),
        partitions=int(data["partitions"]),
        events=int(data["events"]),
        complete=data["complete"] is True,
        made_at=parse_rfc3339(attributes["time"]),
    )


def _read_checkpoint(attributes: Mapping[str, Any]) -> Checkpoint:
    place = _place(attributes)
    number = int(attributes["data"]["number"])
    return Checkpoint(partition=place.partition, offset=place.offset, number=number)


def _read_letter(attributes: Mapping[str, Any]) -> Letter:
    data = attributes["data"]
    original = data["original_entry"]
    return Letter(
        place=_place(attributes),
        event_id=_id(data["event_id"]),
        conversation_id=_id(data["conversation_id"]),
        type=None,
        actor_id=None,
        state=data["state"],
        reason=data["reason"],
        traceback=data["traceback"],
        attempts=data["attempts"],
        parked_at=parse_rfc3339(attributes["time"]),
        updated_at=parse_rfc3339(data["updated_at"]),
        entry=base64.b64decode(data["entry"]),
        original_entry=None if original is None else base64.b64decode(original),
    )


def _read_end(attributes: Mapping[str, Any]) -> End:
    data = attributes["data"]
    return End(
        events=int(data["events"]), letters=int(data["dead_letters"]), sha256=str(data["sha256"])
    )


def _read_event(attributes: Mapping[str, Any]) -> Logged:
    return Logged(
        place=_place(attributes),
        id=UUID(attributes["id"]),
        type=attributes["type"],
        conversation_id=_id(attributes.get("conversation")),
        actor_id=UUID(attributes["actor"]),
        message_id=_id(attributes.get("message")),
        position=attributes.get("position"),
        outcome=_outcome(attributes["outcome"]),
        reason=attributes.get("reason"),
        data=dict(attributes["data"]),
        request_id=attributes.get("requestid"),
        traceparent=attributes.get("traceparent"),
        occurred_at=parse_rfc3339(attributes["time"]),
        recorded_at=parse_rfc3339(attributes["recorded"]),
    )


def _outcome(value: Any) -> Literal["applied", "rejected", "parked"]:
    if value not in ("applied", "rejected", "parked"):
        raise ValueError(f"no outcome: {value!r}")
    return value  # type: ignore[no-any-return]  # one of the three


def _place(attributes: Mapping[str, Any]) -> Place:
    return Place(Partition(int(attributes["partition"])), Offset.parse(attributes["offset"]))


def _id(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


_READ: Mapping[str, Callable[[Mapping[str, Any]], Item]] = {
    HEADER: _read_header,
    CHECKPOINT: _read_checkpoint,
    DEAD_LETTER: _read_letter,
    END: _read_end,
}
