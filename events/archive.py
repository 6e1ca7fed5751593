"""The event log as CloudEvents, one JSON object a line: what `export` writes.

The first line says what follows, the last one that nothing is missing or altered. In between, by
partition: its checkpoint, its events in order, its dead letters. Extension attributes hold what the
log adds to an event. `archive_reading` reads it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from events.checkpoints import Checkpoint
from events.contracts.base import PoisonEventError
from events.contracts.envelope import READERS, read_event
from events.letters import Letter
from events.selection import Logged, Place
from runtime.clock import rfc3339
from runtime.errors import MessagingError

SOURCE = "/event-log/v1"
HEADER = "messaging.export.begun.v2"
CHECKPOINT = "messaging.export.checkpoint.v1"
DEAD_LETTER = "messaging.export.dead-letter.v1"
END = "messaging.export.ended.v2"
STOPPED = "messaging.export.stopped.v1"


class ArchiveError(MessagingError):
    """This is no export of an event log, or it is damaged."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What an export holds.

    Attributes:
        id: Names it.
        partitions: How many partitions the events were queued in.
        events: Rows of the log.
        complete: Whether it is the whole log: what a filter selected cannot be imported.
        made_at: When.
    """

    id: UUID
    partitions: int
    events: int
    complete: bool
    made_at: datetime


@dataclass(frozen=True, kw_only=True)
class End:
    """How many events and dead letters lie before the last line, and the SHA-256 of all lines."""

    events: int
    letters: int
    sha256: str


def header_line(header: Header) -> bytes:
    """Return the first line."""
    data = {
        "partitions": header.partitions,
        "events": header.events,
        "complete": header.complete,
    }
    return own_line(str(header.id), HEADER, header.made_at, data)


def checkpoint_line(checkpoint: Checkpoint, header: Header) -> bytes:
    """Return the line that begins a partition."""
    data = {"number": checkpoint.number}
    place = Place(checkpoint.partition, checkpoint.offset)
    return own_line(f"{header.id}/{place}", CHECKPOINT, header.made_at, data, place=place)


def letter_line(letter: Letter) -> bytes:
    """Return a dead letter's line."""
    original = letter.original_entry
    data = {
        "event_id": letter.event_id,
        "conversation_id": letter.conversation_id,
        "state": letter.state,
        "reason": letter.reason,
        "traceback": letter.traceback,
        "attempts": letter.attempts,
        "updated_at": rfc3339(letter.updated_at),
        "entry": base64.b64encode(letter.entry).decode(),
        "original_entry": None if original is None else base64.b64encode(original).decode(),
    }
    name = f"dead-letter/{letter.place}"
    return own_line(name, DEAD_LETTER, letter.parked_at, data, place=letter.place)


def end_line(header: Header, end: End) -> bytes:
    """Return the last line."""
    data = {"events": end.events, "dead_letters": end.letters, "sha256": end.sha256}
    return own_line(f"{header.id}/end", END, header.made_at, data)


def event_line(row: Logged) -> bytes:
    """Return the line of a row of the log."""
    reader = READERS.get(row.type)
    attributes = {
        "specversion": "1.0",
        "id": row.id,
        "source": reader.contract.SOURCE if reader else "/command/v1",
        "type": row.type,
        "time": rfc3339(row.occurred_at),
        "partitionkey": _partition_key(row),
        "actor": row.actor_id,
        "requestid": row.request_id,
        "traceparent": row.traceparent,
        "partition": row.place.partition,
        "offset": str(row.place.offset),
        "outcome": row.outcome,
        "position": row.position,
        "reason": row.reason,
        "recorded": rfc3339(row.recorded_at),
        "conversation": row.conversation_id,
        "message": row.message_id,
        "datacontenttype": "application/json",
        "data": row.data,
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    return orjson.dumps(present, option=orjson.OPT_APPEND_NEWLINE)


def own_line(
    name: str, kind: str, moment: datetime, data: Mapping[str, Any], *, place: Place | None = None
) -> bytes:
    """Return a line that is no event; `place` where it belongs to a partition."""
    where = {"partition": place.partition, "offset": str(place.offset)} if place else {}
    attributes = {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": kind,
        "time": rfc3339(moment),
        **where,
        "datacontenttype": "application/json",
        "data": data,
    }
    return orjson.dumps(attributes, option=orjson.OPT_APPEND_NEWLINE)


def _partition_key(row: Logged) -> UUID:
    try:
        return read_event(row.type, row.data).partition_key
    except PoisonEventError:
        # Of poison the log holds no fields.
        return row.conversation_id or row.message_id or row.actor_id
