"""Chooses conversations by a selection, and hands them out in batches of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, column, insert, table, text

from events import selection
from events.selection import Selection
from runtime.ids import ConversationId, Partition

_BATCH_EVENTS = 2_000
_PAGE = 500
_PARTITIONS = text("SELECT partitions FROM event_log.queue_epoch WHERE id = 1")
_DROP = text("DROP TABLE IF EXISTS pg_temp.selected, pg_temp.matched")
_MATCHED = text("CREATE TEMPORARY TABLE matched (id uuid)")
_MATCH = insert(table("matched", column("id"), schema="pg_temp")).from_select(
    ["id"], selection.conversations()
)
# The read model may hold conversations that the log does not know, and the other way round. The
# low bits of its hash are a conversation's partition. A filter that is not given is null.
_CHOOSE = text(
    """
    CREATE TEMPORARY TABLE selected AS
    SELECT c.id, c.partition, coalesce(l.events, 0) AS events
    FROM (
        SELECT id, event_log.conversation_hash(id) & :mask AS partition
        FROM (
            SELECT id FROM pg_temp.matched
            UNION SELECT id FROM read_model.conversation
            WHERE :stored AND CAST(:accounts AS text[]) IS NULL
            UNION SELECT conversation_id FROM read_model.conversation_member
            WHERE :stored AND (CAST(:accounts AS text[]) IS NULL
                OR account_id = ANY(CAST(:accounts AS uuid[])))
            UNION SELECT conversation_id FROM read_model.message
            WHERE :stored AND (CAST(:accounts AS text[]) IS NULL
                OR sender_id = ANY(CAST(:accounts AS uuid[]))
                OR recipient_id = ANY(CAST(:accounts AS uuid[])))
        ) AS s
        WHERE id IS NOT NULL AND (CAST(:conversations AS uuid[]) IS NULL
            OR id = ANY(CAST(:conversations AS uuid[])))
    ) AS c
    LEFT JOIN (
        SELECT conversation_id, count(*) AS events FROM event_log.event
        WHERE outcome = 'applied' GROUP BY conversation_id
    ) AS l ON l.conversation_id = c.id
    WHERE CAST(:partitions AS int[]) IS NULL OR c.partition = ANY(CAST(:partitions AS int[]))
    """
)
_INDEX = text("CREATE INDEX ON pg_temp.selected (partition, id)")
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


def choose(connection: Connection, wanted: Selection) -> Chosen:
    """Remember, in this session, the conversations that a selection means: with any event of it.

    Without a filter that speaks of events, also those that only the read model has.
    """
    connection.execute(_DROP)
    connection.execute(_MATCHED)
    connection.execute(_MATCH, wanted.parameters())
    more = {
        "mask": max(partitions(connection), 1) - 1,
        "stored": not wanted.chooses_events,
    }
    connection.execute(_CHOOSE, {**wanted.parameters(), **more})
    connection.execute(_INDEX)
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
