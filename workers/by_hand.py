"""Sets an event aside on an operator's word, by the rules of one that cannot be applied."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from events import checkpoints, pauses
from events.checkpoints import Checkpoint
from events.entries import Entry
from events.queue import EventQueue
from events.selection import Place
from runtime.clock import Clock
from runtime.errors import MessagingError
from workers.batch import apply_batch
from workers.parking import Poison

# A projector that tries the event holds the checkpoint for as long as a statement may take.
_BE_PATIENT = text(
    "SELECT set_config('lock_timeout', '3min', true), set_config('statement_timeout', '3min', true)"
)


class NotNextError(MessagingError):
    """It is not the next event of its partition."""


class SetAsideByHandError(MessagingError):
    """An operator set it aside."""


def next_entry(queue: EventQueue, checkpoint: Checkpoint) -> Entry | None:
    """Return the first entry that is not applied yet; None where all are.

    Raises:
        QueueUnavailableError: Redis is away.
    """
    found = queue.read(checkpoint.partition, after=checkpoint.offset, limit=1)
    return found[0] if found else None


def check_next(place: Place, entry: Entry | None) -> Entry:
    """Return `entry` if it is that of `place`.

    Raises:
        NotNextError: It is not: what waits behind others can hold nothing up.
    """
    if entry is None:
        raise NotNextError(f"{place} is not the next event of its partition: none waits there.")
    if entry.offset != place.offset:
        first = Place(place.partition, entry.offset)
        raise NotNextError(f"{place} is not the next event of its partition: {first} is.")
    return entry


def set_aside(
    engine: Engine, queue: EventQueue, place: Place, *, reason: str, clock: Clock
) -> bool:
    """Park the next event of a partition, as if it could not be applied; False if nobody's.

    Later events of its conversation wait behind it, all others go on. Whether the partition is
    paused makes no difference, unless an import is under way.

    Args:
        engine: The primary, as the worker's role.
        queue: Where the event waits.
        place: The event.
        reason: Why, in words.
        clock: What log and dead letter shall say of when.

    Raises:
        NotNextError: It is not the next one, or is applied meanwhile.
        QueueUnavailableError: Redis is away.
        sqlalchemy.exc.DBAPIError: The database is away or refuses; nothing is half done.
    """
    with engine.begin() as transaction:
        checkpoint = _locked(transaction, place)
        entry = check_next(place, next_entry(queue, checkpoint))
        now = clock()
        poison = Poison(error=SetAsideByHandError(reason))
        outcome = apply_batch(transaction, place.partition, [entry], now=now, poison=poison)
        moved = Checkpoint(partition=place.partition, offset=entry.offset, number=entry.number)
        checkpoints.advance(transaction, moved, now=now)
    return bool(outcome.letters)


def _locked(transaction: Connection, place: Place) -> Checkpoint:
    transaction.execute(_BE_PATIENT)
    checkpoint = checkpoints.await_lock(transaction, place.partition)
    if checkpoint is None:
        raise NotNextError(f"There is no partition {place.partition}.")
    if pauses.is_import(checkpoint.paused):
        raise NotNextError(f"Partition {place.partition} waits for an import to be completed.")
    return checkpoint
