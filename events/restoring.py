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
# What an earlier run restored must be what this run reads.
_SAME_EVENTS = text(
    """
    SELECT count(*) FROM json_to_recordset(CAST(:rows AS json)) AS r(partition smallint,
        "offset" text, id uuid, type text, conversation_id uuid, actor_id uuid, message_id uuid,
        position int, outcome text, reason text, data jsonb, request_id text, traceparent text,
        occurred_at timestamptz, recorded_at timestamptz)
    JOIN event_log.event AS e ON e.partition = r.partition AND e."offset" = r."offset"
    WHERE (e.id, e.type, e.conversation_id, e.actor_id, e.message_id, e.position, e.outcome,
            e.reason, e.data, e.request_id, e.traceparent, e.occurred_at, e.recorded_at)
        IS NOT DISTINCT FROM (r.id, r.type, r.conversation_id, r.actor_id, r.message_id, r.position,
            r.outcome, r.reason, r.data, r.request_id, r.traceparent, r.occurred_at, r.recorded_at)
    """
)
_SAME_LETTER = text(
    """
    SELECT EXISTS (
        SELECT FROM event_log.dead_letter AS d
        WHERE d.partition = :partition AND d."offset" = :offset
            AND (d.event_id, d.conversation_id, d.entry, d.state, d.reason, d.traceback, d.attempts,
                d.parked_at, d.updated_at, d.original_entry)
            IS NOT DISTINCT FROM (CAST(:event_id AS uuid), CAST(:conversation_id AS uuid), :entry,
                :state, :reason, :traceback, :attempts, :parked_at, :updated_at, :original_entry)
    )
    """
)
_COUNTS = text(
    "SELECT (SELECT count(*) FROM event_log.event), (SELECT count(*) FROM event_log.dead_letter)"
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


def counts(connection: Connection) -> tuple[int, int]:
    """Return how many events and dead letters there are."""
    events, letters = connection.execute(_COUNTS).one()
    return events, letters


def insert_events(transaction: Connection, rows: Sequence[Logged]) -> None:
    """Write rows of the log."""
    transaction.execute(_EVENTS, {"rows": _encoded(rows)})


def are_known(transaction: Connection, rows: Sequence[Logged]) -> bool:
    """Return whether the log holds each of these rows, as it is here."""
    if not rows:
        return True
    same: int = transaction.execute(_SAME_EVENTS, {"rows": _encoded(rows)}).scalar_one()
    return same == len(rows)


def _encoded(rows: Sequence[Logged]) -> str:
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
    return encoded.decode()


def insert_letters(transaction: Connection, letters: Sequence[Letter]) -> bool:
    """Write dead letters, but for those that are there; return False if one there is another."""
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
    return all(
        transaction.execute(_LETTERS, each).rowcount == 1
        or transaction.execute(_SAME_LETTER, each).scalar_one()
        for each in values
    )
