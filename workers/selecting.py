"""Chooses conversations by a selection, and hands them out in batches of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from events.replay import Selection
from runtime.ids import ConversationId, Partition

_BATCH_EVENTS = 2_000
_PAGE = 500
_PARTITIONS = text("SELECT partitions FROM event_log.queue_epoch WHERE id = 1")
_DROP = text("DROP TABLE IF EXISTS pg_temp.selected")
# The read model may hold conversations that the log does not know, and the other way round.
_EVERYWHERE = """
    SELECT conversation_id AS id FROM event_log.event WHERE conversation_id IS NOT NULL
    UNION SELECT id FROM {schema}.conversation
    UNION SELECT conversation_id FROM {schema}.conversation_member
    UNION SELECT conversation_id FROM {schema}.message
"""
_THEIRS = """
    SELECT conversation_id FROM event_log.event
    WHERE actor_id = ANY(CAST(:accounts AS uuid[]))
        OR data ->> 'recipient_id' = ANY(CAST(:accounts AS text[]))
    UNION SELECT conversation_id FROM {schema}.conversation_member
    WHERE account_id = ANY(CAST(:accounts AS uuid[]))
"""
_LOGGED = "SELECT DISTINCT conversation_id AS id FROM event_log.event WHERE {condition}"
# The low bits of its crc32 are a conversation's partition.
_CHOOSE = """
    CREATE TEMPORARY TABLE selected AS
    SELECT c.id, c.partition, coalesce(l.events, 0) AS events
    FROM (
        SELECT id, CAST(crc32(uuid_send(id)) AS int8) & :mask AS partition
        FROM ({source}) AS s WHERE {condition}
    ) AS c
    LEFT JOIN (
        SELECT conversation_id, count(*) AS events FROM event_log.event
        WHERE outcome = 'applied' GROUP BY conversation_id
    ) AS l ON l.conversation_id = c.id
    WHERE {partitions}
"""
_COUNT = text("SELECT count(*), CAST(coalesce(sum(events), 0) AS int8) FROM pg_temp.selected")
_OCCUPIED = text("SELECT DISTINCT partition FROM pg_temp.selected ORDER BY partition")
_NEXT = text(
    """
    SELECT id, events FROM pg_temp.selected
    WHERE partition = :partition AND (CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid))
    ORDER BY id LIMIT :limit
    """
)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a selection came to.

    Attributes:
        conversations: How many conversations.
        events: How many events took effect in them.
        partitions: In which partitions they are.
    """

    conversations: int
    events: int
    partitions: tuple[Partition, ...]


def partitions(connection: Connection) -> int:
    """Return how many partitions there are; 0 before the queue was first opened."""
    return int(connection.execute(_PARTITIONS).scalar() or 0)


def choose(connection: Connection, selection: Selection, *, schema: str = "read_model") -> Chosen:
    """Remember, in this session, the conversations that a selection means: with any event of it.

    Without a filter that speaks of events, also those that only the read model of `schema` has.
    """
    connection.execute(_DROP)
    sql, values = _statement(selection, schema)
    mask = max(partitions(connection), 1) - 1
    connection.execute(text(sql), {**values, "mask": mask})
    connection.execute(text("CREATE INDEX ON pg_temp.selected (partition, id)"))
    counted = connection.execute(_COUNT).one()
    occupied = connection.execute(_OCCUPIED).scalars()
    return Chosen(
        conversations=counted[0],
        events=counted[1],
        partitions=tuple(Partition(found) for found in occupied),
    )


def batches(
    connection: Connection, partition: Partition
) -> Iterator[tuple[list[ConversationId], int]]:
    """Yield the chosen conversations of a partition, and their events, in bounded batches.

    A conversation is never divided, however long it is.
    """
    batch, events = list[ConversationId](), 0
    after: UUID | None = None
    while True:
        values = {"partition": partition, "after": after, "limit": _PAGE}
        page = connection.execute(_NEXT, values).all()
        for row in page:
            if batch and events + row.events > _BATCH_EVENTS:
                yield batch, events
                batch, events = [], 0
            batch.append(ConversationId(row.id))
            events += row.events
        if not page:
            break
        after = page[-1].id
    if batch:
        yield batch, events


def _statement(selection: Selection, schema: str) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {}
    conditions = ["id IS NOT NULL"]
    source = _EVERYWHERE.format(schema=schema)
    if selection.chooses_events:
        condition, values = replace(selection, partitions=(), accounts=()).condition()
        source = _LOGGED.format(condition=condition)
    if selection.accounts:
        values["accounts"] = [str(account) for account in selection.accounts]
        conditions.append(f"id IN ({_THEIRS.format(schema=schema)})")
    if selection.conversations:
        values["conversations"] = list(selection.conversations)
        conditions.append("id = ANY(CAST(:conversations AS uuid[]))")
    within = "true"
    if selection.partitions:
        values["partitions"] = list(selection.partitions)
        within = "c.partition = ANY(CAST(:partitions AS int[]))"
    sql = _CHOOSE.format(source=source, condition=" AND ".join(conditions), partitions=within)
    return sql, values
