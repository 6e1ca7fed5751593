"""Reads the event log back, in order and in portions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from events.contracts.base import PoisonEventError
from events.contracts.envelope import Envelope, read_event
from events.contracts.offsets import START, Offset
from events.log import Recorded
from events.selection import Logged
from runtime.ids import AccountId, ConversationId, EventId, Partition

# Of the longest messages so many bytes are read at once, at least one event.
_PORTION_BYTES = 2 * 1024 * 1024
_READ = text(
    """
    SELECT "offset", id, type, conversation_id, actor_id, position, outcome, reason,
        CAST(data AS text) AS data, request_id, traceparent, occurred_at
    FROM event_log.event
    WHERE partition = :partition AND "offset" > :after AND outcome = 'applied'
    ORDER BY "offset" LIMIT :limit
    """
)
# What was erased with an account names no conversation, and changes all of that account's.
_READ_CONVERSATIONS = text(
    """
    SELECT "offset", id, type, conversation_id, actor_id, position, outcome, reason,
        CAST(data AS text) AS data, request_id, traceparent, occurred_at
    FROM event_log.event
    WHERE partition = :partition AND "offset" > :after AND outcome = 'applied' AND (
        conversation_id = ANY(CAST(:conversations AS uuid[]))
        OR conversation_id IS NULL AND actor_id = ANY(CAST(:accounts AS uuid[]))
            AND type LIKE 'account.deleted.%'
    )
    ORDER BY "offset" LIMIT :limit
    """
)
_ACCOUNTS = text(
    """
    SELECT actor_id FROM event_log.event
    WHERE conversation_id = ANY(CAST(:conversations AS uuid[])) AND outcome = 'applied'
    UNION
    SELECT CAST(data ->> 'recipient_id' AS uuid) FROM event_log.event
    WHERE conversation_id = ANY(CAST(:conversations AS uuid[])) AND outcome = 'applied'
        AND data ? 'recipient_id'
    """
)


def read_applied(
    connection: Connection, partition: Partition, *, after: Offset = START, limit: int = 1_000
) -> list[Recorded]:
    """Return what took effect next in a partition behind `after`, in order; none at the end.

    Args:
        connection: To a node that has the log.
        partition: Whose events.
        after: Return later ones alone.
        limit: At most so many, fewer of long messages.

    Raises:
        PoisonEventError: One is of no known contract, or its payload was not kept.
    """
    values = {"partition": partition, "after": after.sortable(), "limit": limit}
    return [_read(row) for row in _portion(connection.execute(_READ, values).all())]


def read_conversations(
    connection: Connection,
    partition: Partition,
    conversations: Sequence[ConversationId],
    *,
    limit: int,
) -> Iterator[list[Recorded]]:
    """Yield, portion by portion, all that took effect in conversations of a partition.

    That includes the deletion of an account of theirs. See `read_applied`.
    """
    chosen: dict[str, Any] = {"conversations": list(conversations), "partition": partition}
    accounts = list(connection.execute(_ACCOUNTS, chosen).scalars())
    after = START
    while True:
        values = {"accounts": accounts, "after": after.sortable(), "limit": limit}
        rows = connection.execute(_READ_CONVERSATIONS, {**chosen, **values}).all()
        if not rows:
            return
        portion = [_read(row) for row in _portion(rows)]
        yield portion
        after = portion[-1].offset


def _portion(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    taken, length = list[Row[Any]](), 0
    for row in rows:
        length += len(row.data)
        if taken and length > _PORTION_BYTES:
            break
        taken.append(row)
    return taken


def recorded(row: Row[Any] | Logged, *, offset: Offset, payload: dict[str, Any]) -> Recorded:
    """Return the event of a row of the log.

    Args:
        row: Its columns.
        offset: Its place in its partition.
        payload: Its own fields.

    Raises:
        PoisonEventError: It is of no known contract, or its payload was not kept.
    """
    try:
        event = read_event(row.type, payload)
    except PoisonEventError as error:
        raise PoisonEventError(f"event {row.id} of the log: {error}") from error
    conversation = row.conversation_id
    return Recorded(
        offset=offset,
        envelope=Envelope(
            id=EventId(row.id),
            event=event,
            actor_id=AccountId(row.actor_id),
            occurred_at=row.occurred_at,
            request_id=row.request_id,
            traceparent=row.traceparent,
        ),
        conversation_id=None if conversation is None else ConversationId(conversation),
        outcome=row.outcome,
        position=row.position,
        reason=row.reason,
        redacted=bool(payload.get("redacted")),
    )


def _read(row: Row[Any]) -> Recorded:
    return recorded(row, offset=Offset.parse(row.offset), payload=orjson.loads(row.data))
