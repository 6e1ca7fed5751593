"""What operators do to dead letters: retry, change, discard; in order within a conversation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from events.contracts.offsets import Offset
from events.entries import Entry
from runtime.ids import MessageId, Partition

# Where offsets are given their states are asked for so that no index on what is parked will do: of
# the places Postgres may think that to read them all is as good.
_ENTRIES = text(
    """
    SELECT "offset", entry FROM event_log.dead_letter
    WHERE partition = :partition AND "offset" = ANY(:offsets)
        AND state IS NOT DISTINCT FROM 'parked'
    ORDER BY "offset"
    """
)
_RETRIED = text(
    """
    UPDATE event_log.dead_letter
    SET state = 'retried', attempts = attempts + 1, updated_at = :now
    WHERE partition = :partition AND "offset" = ANY(:offsets)
    """
)
_FAILED = text(
    """
    UPDATE event_log.dead_letter
    SET attempts = attempts + 1, reason = :reason, traceback = :traceback, updated_at = :now
    WHERE partition = :partition AND "offset" = :offset
    """
)
_NAME_CONVERSATIONS = text(
    """
    UPDATE event_log.dead_letter AS d SET conversation_id = m.conversation_id
    FROM event_log.event AS e JOIN read_model.message AS m ON m.id = e.message_id
    WHERE d.partition = :partition AND d."offset" = ANY(:offsets)
        AND d.state IS NOT DISTINCT FROM 'parked'
        AND e.partition = d.partition AND e."offset" = d."offset"
        AND d.conversation_id IS DISTINCT FROM m.conversation_id
    """
)
_NAMING = text(
    """
    SELECT partition, "offset" FROM event_log.event
    WHERE outcome = 'parked' AND message_id = ANY(CAST(:messages AS uuid[]))
    """
)
_DISCARD = text(
    """
    UPDATE event_log.dead_letter SET state = 'discarded', updated_at = :now
    WHERE partition = :partition AND "offset" = ANY(:offsets)
        AND state IS NOT DISTINCT FROM 'parked'
    """
)
_CHANGE = text(
    """
    UPDATE event_log.dead_letter
    SET original_entry = coalesce(original_entry, entry), entry = :entry, event_id = :event_id,
        updated_at = :now
    WHERE partition = :partition AND "offset" = :offset AND state = 'parked' AND entry = :before
    """
)


def entries(
    transaction: Connection, partition: Partition, offsets: Collection[Offset]
) -> list[Entry]:
    """Return the entries of parked events, in order; their numbers are of no account any more."""
    rows = transaction.execute(_ENTRIES, _named(partition, offsets))
    return [Entry(offset=Offset.parse(row[0]), number=0, envelope=bytes(row[1])) for row in rows]


def mark_retried(
    transaction: Connection, partition: Partition, offsets: Sequence[Offset], *, now: datetime
) -> None:
    """Say that these events took effect, or were refused, after all."""
    transaction.execute(_RETRIED, {**_named(partition, offsets), "now": now})


def mark_failed(
    transaction: Connection,
    partition: Partition,
    offset: Offset,
    *,
    reason: str,
    traceback: str,
    now: datetime,
) -> None:
    """Say why an event could not be applied this time either."""
    values = {
        "partition": partition,
        "offset": offset.sortable(),
        "reason": reason,
        "traceback": traceback,
        "now": now,
    }
    transaction.execute(_FAILED, values)


def name_conversations(
    transaction: Connection,
    partition: Partition,
    offsets: Collection[Offset],
    *,
    sent: Collection[MessageId],
) -> None:
    """Let parked events hold their conversations where these are known by now.

    An event that named a message whose sending was parked too was known by the message alone. What
    comes next in the conversation must still wait behind it.

    Args:
        transaction: Holds the partition's checkpoint.
        partition: The partition.
        offsets: Events that are parked so far, and just took effect.
        sent: The messages whose sending just took effect.
    """
    found = list(offsets)
    if sent:
        rows = transaction.execute(_NAMING, {"messages": list(sent)})
        found += [Offset.parse(row[1]) for row in rows if row[0] == partition]
    if found:
        transaction.execute(_NAME_CONVERSATIONS, _named(partition, found))


def discard(
    transaction: Connection, partition: Partition, offsets: Collection[Offset], *, now: datetime
) -> int:
    """Give these events up; return how many. The caller holds the lock on the checkpoint."""
    return transaction.execute(_DISCARD, {**_named(partition, offsets), "now": now}).rowcount


@dataclass(frozen=True, kw_only=True)
class Change:
    """A changed copy of a parked event.

    Attributes:
        partition: Its partition.
        offset: Its place there.
        before: The entry that was changed.
        entry: What it shall be.
        event_id: The id that it has now.
    """

    partition: Partition
    offset: Offset
    before: bytes
    entry: bytes
    event_id: UUID


def change(transaction: Connection, wanted: Change, *, now: datetime) -> bool:
    """Replace a parked event's entry, keep the original; False where it is not as it was."""
    values = {
        "partition": wanted.partition,
        "offset": wanted.offset.sortable(),
        "before": wanted.before,
        "entry": wanted.entry,
        "event_id": wanted.event_id,
        "now": now,
    }
    return transaction.execute(_CHANGE, values).rowcount == 1


def _named(partition: Partition, offsets: Collection[Offset]) -> dict[str, object]:
    return {"partition": partition, "offsets": [offset.sortable() for offset in offsets]}
