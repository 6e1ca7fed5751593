"""The event log: the permanent record of every event with its outcome."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from events.contracts.envelope import Envelope
from events.contracts.offsets import Offset
from events.contracts.outcomes import Outcome
from events.contracts.redaction import without_text
from runtime.ids import AccountId, ConversationId, EventId, Partition


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """An event as the log keeps it.

    Attributes:
        offset: Its place in its partition.
        envelope: The event, who and when.
        conversation_id: Its conversation; None where it names a message that does not exist.
        outcome: What became of it.
        position: What the projector assigned: a sent message's number, or the read position
            that took effect.
        reason: Why it was rejected or parked.
        keeps_payload: Whether the log keeps the event's own fields.
        redacted: Whether it keeps them without a person's text.
    """

    offset: Offset
    envelope: Envelope
    conversation_id: ConversationId | None
    outcome: Outcome
    position: int | None = None
    reason: str | None = None
    keeps_payload: bool = True
    redacted: bool = False


_RECORD = text(
    """
    INSERT INTO event_log.event (partition, "offset", id, type, conversation_id, actor_id,
        message_id, position, outcome, reason, data, request_id, traceparent, occurred_at,
        recorded_at)
    SELECT :partition, r."offset", r.id, r.type, r.conversation_id, r.actor_id, r.message_id,
        r.position, r.outcome, r.reason, r.data, r.request_id, r.traceparent, r.occurred_at, :now
    FROM json_to_recordset(CAST(:rows AS json)) AS r("offset" text, id uuid, type text,
        conversation_id uuid, actor_id uuid, message_id uuid, position int, outcome text,
        reason text, data jsonb, request_id text, traceparent text, occurred_at timestamptz)
    """
)
# What was parked has a row, unless it could not be read.
_SETTLE = text(
    """
    INSERT INTO event_log.event (partition, "offset", id, type, conversation_id, actor_id,
        message_id, position, outcome, reason, data, request_id, traceparent, occurred_at,
        recorded_at)
    SELECT :partition, r."offset", r.id, r.type, r.conversation_id, r.actor_id, r.message_id,
        r.position, r.outcome, r.reason, r.data, r.request_id, r.traceparent, r.occurred_at, :now
    FROM json_to_recordset(CAST(:rows AS json)) AS r("offset" text, id uuid, type text,
        conversation_id uuid, actor_id uuid, message_id uuid, position int, outcome text,
        reason text, data jsonb, request_id text, traceparent text, occurred_at timestamptz)
    ON CONFLICT (partition, "offset") DO UPDATE
    SET type = excluded.type, conversation_id = excluded.conversation_id,
        actor_id = excluded.actor_id, message_id = excluded.message_id,
        position = excluded.position, outcome = excluded.outcome, reason = excluded.reason,
        data = excluded.data, request_id = excluded.request_id,
        traceparent = excluded.traceparent, occurred_at = excluded.occurred_at,
        recorded_at = excluded.recorded_at
    WHERE event.outcome = 'parked'
    """
)
_ELSEWHERE = text(
    """
    SELECT id FROM event_log.event WHERE id = ANY(CAST(:ids AS uuid[]))
        AND NOT (partition = :partition AND "offset" = ANY(:offsets))
    """
)
# By way of the last message: of the conversation itself the log may hold any number of events that
# are parked behind `after`, and an index leads to all of them.
_LAST_SENT = text(
    """
    SELECT s.conversation_id, s."offset" FROM (
        SELECT c.id AS conversation_id, (
            SELECT max(e."offset") FROM event_log.event AS e
            WHERE e.message_id = m.id AND e.partition = :partition AND e.outcome = 'applied'
                AND e.type LIKE 'message.sent.%') AS "offset"
        FROM read_model.conversation AS c
        JOIN read_model.message AS m ON m.conversation_id = c.id AND m.position = c.last_position
        WHERE c.id = ANY(CAST(:ids AS uuid[]))
    ) AS s
    WHERE s."offset" > :after
    """
)
_KNOWN = text("SELECT id FROM event_log.event WHERE id = ANY(CAST(:ids AS uuid[]))")
_REDACT = text(
    """
    UPDATE event_log.event
    SET data = data - 'body' - 'subject' - 'changes' || '{"redacted": true}'
    WHERE message_id = ANY(CAST(:ids AS uuid[])) AND data ?| ARRAY['body', 'changes']
    """
)
_REDACT_ACTOR = text(
    """
    UPDATE event_log.event
    SET data = data - 'body' - 'subject' - 'changes' || '{"redacted": true}'
    WHERE actor_id = :actor AND partition = :partition AND data ?| ARRAY['body', 'changes']
    """
)


def record(
    transaction: Connection, partition: Partition, rows: Sequence[Recorded], *, now: datetime
) -> None:
    """Add `rows` to the log."""
    if rows:
        values = {"partition": partition, "rows": _as_json(rows), "now": now}
        transaction.execute(_RECORD, values)


def settle(
    transaction: Connection, partition: Partition, rows: Sequence[Recorded], *, now: datetime
) -> None:
    """Say of events that were parked what became of them after all."""
    if rows:
        values = {"partition": partition, "rows": _as_json(rows), "now": now}
        transaction.execute(_SETTLE, values)


def known_ids(transaction: Connection, ids: Collection[EventId]) -> set[UUID]:
    """Return those of `ids` that the log has already."""
    if not ids:
        return set()
    return set(transaction.execute(_KNOWN, {"ids": list(ids)}).scalars())


def known_elsewhere(
    transaction: Connection,
    partition: Partition,
    ids: Collection[EventId],
    offsets: Collection[Offset],
) -> set[UUID]:
    """Return those of `ids` that the log has at another place than `offsets` of `partition`."""
    values = {
        "ids": list(ids),
        "partition": partition,
        "offsets": [offset.sortable() for offset in offsets],
    }
    return set(transaction.execute(_ELSEWHERE, values).scalars())


def last_sent(
    transaction: Connection,
    partition: Partition,
    conversations: Collection[ConversationId],
    *,
    after: Offset,
) -> dict[ConversationId, Offset]:
    """Return of each conversation the last message applied behind `after`, where there is one."""
    values = {
        "ids": list(conversations),
        "partition": partition,
        "after": after.sortable(),
    }
    rows = transaction.execute(_LAST_SENT, values)
    return {ConversationId(row[0]): Offset.parse(row[1]) for row in rows}


def redact(transaction: Connection, messages: Collection[UUID]) -> None:
    """Take the text of `messages` out of the log, so that no rebuild can bring it back."""
    if messages:
        transaction.execute(_REDACT, {"ids": list(messages)})


def redact_actor(transaction: Connection, partition: Partition, actor: AccountId) -> None:
    """Take the text of all that `actor` sent and edited in `partition` out of the log.

    Whatever became of it: what was rejected or parked holds text too.
    """
    transaction.execute(_REDACT_ACTOR, {"actor": actor, "partition": partition})


def _payload(row: Recorded) -> dict[str, Any]:
    if not row.keeps_payload:
        return {}
    payload = row.envelope.event.payload()
    return without_text(payload) if row.redacted else payload


def _as_json(rows: Sequence[Recorded]) -> str:
    return orjson.dumps(
        [
            {
                "offset": row.offset.sortable(),
                "id": row.envelope.id,
                "type": row.envelope.event.type_name(),
                "conversation_id": row.conversation_id,
                "actor_id": row.envelope.actor_id,
                "message_id": row.envelope.event.message,
                "position": row.position,
                "outcome": row.outcome,
                "reason": row.reason,
                "data": _payload(row),
                "request_id": row.envelope.request_id,
                "traceparent": row.envelope.traceparent,
                "occurred_at": row.envelope.occurred_at,
            }
            for row in rows
        ]
    ).decode()
