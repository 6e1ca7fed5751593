"""Dead letters at which no release has looked that knows what of an erased account may be kept.

Earlier ones parked what came after an account's deletion with its text, and an import brings
letters as they were exported. One that was looked at stays as it is until its author's deletion is
applied, which redacts it then.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, RowMapping, text

from events import erasures
from events.contracts.redaction import authors_of, redact_entry
from runtime.ids import AccountId, Partition
from runtime.words import unquoted

# So many at once: an entry may be long.
AT_ONCE = 200
_NAMES = ("entry", "original_entry")
# Whoever holds one of them redacts or retries it; the next look finds it.
_UNCHECKED = text(
    """
    SELECT partition, "offset", entry, original_entry, reason FROM event_log.dead_letter
    WHERE NOT checked ORDER BY partition, "offset" LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_CHECKED = text(
    """
    UPDATE event_log.dead_letter SET checked = true
    WHERE partition = :partition AND "offset" = ANY(:offsets)
    """
)
_REDACT = text(
    """
    UPDATE event_log.dead_letter SET entry = coalesce(:entry, entry),
        original_entry = coalesce(:original_entry, original_entry), traceback = NULL,
        reason = :reason, updated_at = :now
    WHERE partition = :partition AND "offset" = :offset
    """
)
_REASON = text(
    """
    UPDATE event_log.event SET reason = :reason
    WHERE partition = :partition AND "offset" = :offset AND outcome = 'parked'
    """
)


def purge(transaction: Connection, *, now: datetime, limit: int = AT_ONCE) -> int:
    """Take the text of deleted accounts out of the first letters that nobody looked at yet.

    Returns:
        How many held any.
    """
    found = transaction.execute(_UNCHECKED, {"limit": limit}).mappings().all()
    redacted = 0
    for partition, group in groupby(found, key=lambda row: Partition(row["partition"])):
        letters = list(group)
        redacted += _purge(transaction, partition, letters, now)
        offsets = [letter["offset"] for letter in letters]
        transaction.execute(_CHECKED, {"partition": partition, "offsets": offsets})
    return redacted


def _purge(
    transaction: Connection, partition: Partition, letters: list[RowMapping], now: datetime
) -> int:
    authors = {
        author for letter in letters for entry in _entries(letter) for author in authors_of(entry)
    }
    deleted = erasures.deleted_among(transaction, partition, authors)
    redacted = 0
    for letter in letters:
        changed = {name: _redacted(letter[name], deleted) for name in _NAMES}
        if any(changed.values()):
            # Of that time a reason may quote what the database refused.
            values = {"partition": partition, "offset": letter["offset"]}
            values |= {**changed, "reason": unquoted(letter["reason"]), "now": now}
            transaction.execute(_REDACT, values)
            transaction.execute(_REASON, values)
            redacted += 1
    return redacted


def _entries(letter: RowMapping) -> list[bytes]:
    return [bytes(letter[name]) for name in _NAMES if letter[name] is not None]


def _redacted(entry: memoryview | None, deleted: Collection[AccountId]) -> bytes | None:
    """Return an entry without its text if it is of an account that is deleted, else None."""
    theirs = authors_of(bytes(entry)).intersection(deleted) if entry is not None else set()
    return redact_entry(bytes(entry), min(theirs)) if entry is not None and theirs else None
