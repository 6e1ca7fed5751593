"""Dead letters: events set aside with why, the later ones of their conversations behind them."""

from __future__ import annotations

from collections.abc import Sequence
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
        reason, traceback, attempts, parked_at, updated_at)
    VALUES (:partition, :offset, :event_id, :conversation_id, :entry, 'parked', :reason,
        :traceback, :attempts, :now, :now)
    """
)
_PARKED_KEYS = text(
    """
    SELECT d.conversation_id, e.message_id
    FROM event_log.dead_letter d
    LEFT JOIN event_log.event e ON e.partition = d.partition AND e."offset" = d."offset"
    WHERE d.partition = :partition AND d.state = 'parked'
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


def parked_keys(transaction: Connection, partition: Partition) -> set[UUID]:
    """Return the conversations that wait in `partition`, and the messages of their parked events.

    An event that names one of these waits as well: so order within a conversation is kept.
    """
    rows = transaction.execute(_PARKED_KEYS, {"partition": partition})
    return {key for row in rows for key in row if key is not None}


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
