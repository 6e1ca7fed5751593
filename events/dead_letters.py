"""Dead letters: events set aside with why, the later ones of their conversations behind them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from events.contracts.offsets import Offset
from events.contracts.redaction import redact_entry
from runtime.ids import AccountId, Partition


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """An event to set aside.

    Attributes:
        offset: Its place in its partition.
        entry: The queue's entry, as it was found.
        event_id: The event's id, where it could be read.
        conversation_id: Its conversation, where it could be read or found out; else the
            partition key of its envelope.
        reason: What went wrong, or behind what it waits.
        traceback: Where it went wrong, if it did.
        attempts: How often it was tried.
    """

    offset: Offset
    entry: bytes
    event_id: UUID | None
    conversation_id: UUID | None
    reason: str
    traceback: str | None = None
    attempts: int = 0


_PARK = text(
    """
    INSERT INTO event_log.dead_letter (partition, "offset", event_id, conversation_id, entry, state,
        reason, traceback, attempts, parked_at, updated_at, checked)
    VALUES (:partition, :offset, :event_id, :conversation_id, :entry, 'parked', :reason,
        :traceback, :attempts, :now, :now, true)
    """
)
# In the order of an index: so no statistics, whatever one conversation has parked or had, make the
# planner read the table.
_ANY_PARKED = text(
    """
    SELECT true FROM event_log.dead_letter WHERE partition = :partition AND state = 'parked'
    ORDER BY conversation_id LIMIT 1
    """
)
# Each key by the first entry of an index that is not below it, for the same reason.
_PARKED_KEYS = text(
    """
    SELECT k.key FROM unnest(CAST(:keys AS uuid[])) AS k(key)
    WHERE k.key = (
            SELECT d.conversation_id FROM event_log.dead_letter AS d
            WHERE d.partition = :partition AND d.state = 'parked' AND d.conversation_id >= k.key
            ORDER BY d.conversation_id LIMIT 1)
        OR k.key = (
            SELECT e.message_id FROM event_log.event AS e
            WHERE e.outcome = 'parked' AND e.message_id >= k.key
            ORDER BY e.message_id LIMIT 1)
        AND (
            -- It may be discarded.
            SELECT true FROM event_log.event AS e
            JOIN event_log.dead_letter AS d ON d.partition = e.partition AND d."offset" = e."offset"
            WHERE e.outcome = 'parked' AND e.message_id = k.key
                AND d.partition = :partition AND d.state = 'parked' LIMIT 1)
    """
)
_COUNT_PARKED = text(
    "SELECT partition, count(*) FROM event_log.dead_letter WHERE state = 'parked'"
    " GROUP BY partition"
)
# The account's id in an entry says only that it may be theirs: they may be the recipient.
_NAMING = text(
    """
    SELECT "offset", entry, original_entry FROM event_log.dead_letter
    WHERE partition = :partition
        AND (position(:name IN entry) > 0 OR position(:name IN original_entry) > 0)
    """
)
# The database tells in its errors what the row held that it refused.
_REDACT = text(
    """
    UPDATE event_log.dead_letter SET entry = coalesce(:entry, entry),
        original_entry = coalesce(:original, original_entry), traceback = NULL, updated_at = :now
    WHERE partition = :partition AND "offset" = :offset
    """
)


def park(
    transaction: Connection, partition: Partition, letters: Sequence[DeadLetter], *, now: datetime
) -> None:
    """Set `letters` aside until an operator retries or discards them."""
    if letters:
        values = [
            {
                "partition": partition,
                "offset": letter.offset.sortable(),
                "event_id": letter.event_id,
                "conversation_id": letter.conversation_id,
                "entry": letter.entry,
                "reason": letter.reason,
                "traceback": letter.traceback,
                "attempts": letter.attempts,
                "now": now,
            }
            for letter in letters
        ]
        transaction.execute(_PARK, values)


def count_parked(connection: Connection) -> dict[Partition, int]:
    """Return how many events are parked in each partition that has any."""
    return {Partition(row[0]): row[1] for row in connection.execute(_COUNT_PARKED)}


def parked_among(
    transaction: Connection, partition: Partition, keys: Collection[UUID]
) -> set[UUID]:
    """Return those of `keys`, conversations and messages, that a parked event of `partition` names.

    An event that names one of these waits as well: so order within a conversation is kept. What it
    costs goes by `keys`, not by how much is parked.
    """
    values = {"partition": partition, "keys": list(keys)}
    if not keys or transaction.execute(_ANY_PARKED, values).first() is None:
        return set()
    return set(transaction.execute(_PARKED_KEYS, values).scalars())


def redact_actor(
    transaction: Connection, partition: Partition, actor: AccountId, *, now: datetime
) -> None:
    """Take the text out of what `actor` did that was set aside in `partition`."""
    name = str(actor).encode()
    found = transaction.execute(_NAMING, {"partition": partition, "name": name}).all()
    for offset, *entries in found:
        redacted = [
            redact_entry(bytes(entry), actor) if entry is not None else None for entry in entries
        ]
        if any(part is not None for part in redacted):
            values = {"partition": partition, "offset": offset, "now": now}
            values |= {"entry": redacted[0], "original": redacted[1]}
            transaction.execute(_REDACT, values)
