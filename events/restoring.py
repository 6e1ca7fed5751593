"""Writes an export back: rows of the log and dead letters as they were."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, text

from events.letters import Letter
from events.selection import Logged
from runtime.clock import rfc3339

_EVENTS = text(
    """
    INSERT INTO event_log.event (partition, "offset", id, type, conversation_id, actor_id,
        message_id, position, outcome, reason, data, request_id, traceparent, occurred_at,
        recorded_at)
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS r(partition smallint, "offset" text,
        id uuid, type text, conversation_id uuid, actor_id uuid, message_id uuid, position int,
        outcome text, reason text, data jsonb, request_id text, traceparent text,
        occurred_at timestamptz, recorded_at timestamptz)
    """
)
_LETTERS = text(
    """
    INSERT INTO event_log.dead_letter (partition, "offset", event_id, conversation_id, entry, state,
        reason, traceback, attempts, parked_at, updated_at, original_entry)
    VALUES (:partition, :offset, :event_id, :conversation_id, :entry, :state, :reason, :traceback,
        :attempts, :parked_at, :updated_at, :original_entry)
    ON CONFLICT DO NOTHING
    """
)
_EMPTY = text(
    """
    SELECT NOT EXISTS (SELECT FROM event_log.event)
        AND NOT EXISTS (SELECT FROM event_log.dead_letter)
        AND NOT EXISTS (SELECT FROM read_model.conversation)
    """
)


def is_empty(connection: Connection) -> bool:
    """Return whether no event was ever applied or set aside; canaries leave no trace."""
    return bool(connection.execute(_EMPTY).scalar_one())


def insert_events(transaction: Connection, rows: Sequence[Logged]) -> None:
    """Write rows of the log."""
    encoded = orjson.dumps(
        [
            {
                "partition": row.place.partition,
                "offset": row.place.offset.sortable(),
                "id": row.id,
                "type": row.type,
                "conversation_id": row.conversation_id,
                "actor_id": row.actor_id,
                "message_id": row.message_id,
                "position": row.position,
                "outcome": row.outcome,
                "reason": row.reason,
                "data": row.data,
                "request_id": row.request_id,
                "traceparent": row.traceparent,
                "occurred_at": rfc3339(row.occurred_at),
                "recorded_at": rfc3339(row.recorded_at),
            }
            for row in rows
        ]
    )
    transaction.execute(_EVENTS, {"rows": encoded.decode()})


def insert_letters(transaction: Connection, letters: Sequence[Letter]) -> None:
    """Write dead letters, but for those that are there."""
    if letters:
        values = [
            {
                "partition": letter.place.partition,
                "offset": letter.place.offset.sortable(),
                "event_id": letter.event_id,
                "conversation_id": letter.conversation_id,
                "entry": letter.entry,
                "state": letter.state,
                "reason": letter.reason,
                "traceback": letter.traceback,
                "attempts": letter.attempts,
                "parked_at": letter.parked_at,
                "updated_at": letter.updated_at,
                "original_entry": letter.original_entry,
            }
            for letter in letters
        ]
        transaction.execute(_LETTERS, values)
