"""Makes dead letters of entries that cannot be applied, without the text of deleted accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from events.contracts.base import PoisonEventError
from events.contracts.envelope import Envelope, peek
from events.contracts.redaction import authors_of, redact_entry
from events.dead_letters import DeadLetter
from events.entries import Entry
from runtime.ids import AccountId
from workers.faults import first_line, traceback_of


@dataclass(frozen=True, kw_only=True)
class Poison:
    """Why an event could not be applied, and how often it was tried."""

    error: BaseException
    attempts: int = 1


def authors_of_unreadable(
    decoded: Iterable[tuple[Entry, Envelope | PoisonEventError]],
) -> set[AccountId]:
    """Return who may have written the entries that could not be read."""
    unread = (entry for entry, found in decoded if isinstance(found, PoisonEventError))
    return {author for entry in unread for author in authors_of(entry.envelope)}


def unreadable(entry: Entry, error: PoisonEventError, deleted: Collection[AccountId]) -> DeadLetter:
    """Return the letter of an entry that is no event.

    Args:
        entry: The entry.
        error: Why it is none.
        deleted: Accounts whose text may not be kept.
    """
    event_id, key = peek(entry.envelope)
    return _letter(entry, Poison(error=error), event_id, key, deleted)


def poisoned(
    entry: Entry,
    envelope: Envelope,
    poison: Poison,
    key: UUID | None,
    deleted: Collection[AccountId],
) -> DeadLetter:
    """Return the letter of an event that could not be applied, behind which those of `key` wait."""
    return _letter(entry, poison, envelope.id, key, deleted)


def _letter(
    entry: Entry,
    poison: Poison,
    event_id: UUID | None,
    key: UUID | None,
    deleted: Collection[AccountId],
) -> DeadLetter:
    redacted = _without_text_of(deleted, entry.envelope)
    return DeadLetter(
        offset=entry.offset,
        entry=entry.envelope if redacted is None else redacted,
        event_id=event_id,
        conversation_id=key,
        reason=first_line(poison.error),
        traceback=traceback_of(poison.error),
        attempts=poison.attempts,
    )


def _without_text_of(deleted: Collection[AccountId], entry: bytes) -> bytes | None:
    """Return the entry without its text if it is of an account that is deleted, else None."""
    theirs = sorted(authors_of(entry).intersection(deleted))
    return redact_entry(entry, theirs[0]) if theirs else None
