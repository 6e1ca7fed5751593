"""Restores an export into an empty service: log, dead letters, read model, checkpoints.

The partitions are paused under the export's name until all is there: that name, and the offsets of
the checkpoints, tell an import that is run again where to go on. Canaries that went through the
empty service before are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

from sqlalchemy import Connection, Engine

from events import canaries, checkpoints, erasures, opening, pauses, restoring
from events.archive import ArchiveError, End, Header, Item
from events.checkpoints import Checkpoint
from events.contracts.accounts import AccountDeleted
from events.contracts.offsets import START, Offset
from events.letters import Letter
from events.queue import EventQueue
from events.replay import recorded
from events.selection import Logged
from runtime.clock import Clock
from runtime.errors import MessagingError
from runtime.ids import Partition
from workers.canaries import is_canary
from workers.pace import Pace
from workers.projections import read_model

_AT_ONCE = 1_000


class NotEmptyError(MessagingError):
    """This service has events of its own: an export is imported into an empty one."""


@dataclass(kw_only=True)
class Restored:
    """How much was restored, and how much had been by an earlier run."""

    events: int = 0
    letters: int = 0
    known: int = 0
    ends: dict[Partition, Checkpoint] = field(default_factory=dict)


def prepare(engine: Engine, header: Header, *, queue: EventQueue, clock: Clock) -> bool:
    """Pause all partitions for this import; return whether an earlier run began with it.

    Args:
        engine: The primary, as the worker's role.
        header: The export's first line.
        queue: The event queue of this service.
        clock: Since when they are paused.

    Raises:
        ArchiveError: The export is not of a whole log, or of another number of partitions.
        NotEmptyError: There are events already.
        QueueUnavailableError: Redis is away.
    """
    if not header.complete:
        raise ArchiveError("This is a selection, not the whole log: it cannot be imported.")
    partitions = len(queue.partitions)
    if header.partitions != partitions:
        raise ArchiveError(
            f"The events were queued in {header.partitions} partitions, here are {partitions}: "
            f"start a stack with MESSAGING_EVENT_PARTITIONS={header.partitions}."
        )
    with engine.begin() as transaction:
        known = [checkpoints.await_lock(transaction, Partition(p)) for p in range(partitions)]
        there = [checkpoint for checkpoint in known if checkpoint]
        if len(there) < partitions:
            raise MessagingError("The event queue was never opened: wait for the first sweep.")
        if {checkpoint.paused for checkpoint in there} == {_reason(header)}:
            return True
        waits = any(_waits(queue, checkpoint) for checkpoint in there)
        if waits or not restoring.is_empty(transaction):
            raise NotEmptyError
        pauses.resume(transaction, range(partitions), now=clock())
        pauses.pause(
            transaction, range(partitions), by="import", reason=_reason(header), now=clock()
        )
        for checkpoint in there:
            start = Checkpoint(partition=checkpoint.partition, offset=START, number=0)
            checkpoints.advance(transaction, start, now=clock())
        return False


def _waits(queue: EventQueue, checkpoint: Checkpoint) -> bool:
    """Return whether anything but canaries waits in a partition."""
    after = checkpoint.offset
    while entries := queue.read(checkpoint.partition, after=after, limit=_AT_ONCE):
        if not all(map(is_canary, entries)):
            return True
        after = entries[-1].offset
    return False


def restore(
    engine: Engine,
    header: Header,
    items: Iterable[Item],
    *,
    queue: EventQueue,
    clock: Clock,
    pace: Pace,
) -> Restored:
    """Restore all that follows the header, and let the partitions go on.

    Args:
        engine: The primary, as the worker's role.
        header: What `prepare` was given.
        items: What follows it.
        queue: The event queue of this service.
        clock: Since when the partitions go on.
        pace: How fast; it also stops the work.

    Raises:
        ArchiveError: The export is damaged; run again with a whole one.
        InterruptedWorkError: The work was stopped between two transactions.
        sqlalchemy.exc.DBAPIError: The database is away or refuses.
    """
    restored = Restored()
    end: End | None = None
    for batch in _batches(items, at_once=pace.portion(_AT_ONCE)):
        first = batch[0]
        if isinstance(first, Checkpoint):
            restored.ends[first.partition] = first
        elif isinstance(first, End):
            end = first
        else:
            rows = cast("Sequence[Logged | Letter]", batch)
            pace.done(_restore_batch(engine, header, rows, restored))
    counted = End(events=restored.events + restored.known, letters=restored.letters)
    if end != counted or len(restored.ends) != header.partitions:
        raise ArchiveError(f"The export is cut off or damaged: it holds {counted}, names {end}.")
    _finish(engine, restored, queue, clock=clock)
    return restored


def _batches(items: Iterable[Item], *, at_once: int) -> Iterator[Sequence[Item]]:
    """Give items of one kind and partition together, so many at once."""

    def kind(item: Item) -> tuple[type, int]:
        return type(item), item.place.partition if isinstance(item, Logged | Letter) else -1

    for (sort, _), same in groupby(items, kind):
        most = at_once if sort in (Logged, Letter) else 1
        batch: list[Item] = []
        for item in same:
            batch.append(item)
            if len(batch) == most:
                yield batch
                batch = []
        if batch:
            yield batch


def _restore_batch(
    engine: Engine, header: Header, batch: Sequence[Logged | Letter], restored: Restored
) -> int:
    partition = batch[0].place.partition
    with engine.begin() as transaction:
        checkpoint = checkpoints.await_lock(transaction, partition)
        if checkpoint is None or checkpoint.paused != _reason(header):
            raise MessagingError(f"Partition {partition} was resumed meanwhile: begin anew.")
        letters = [item for item in batch if isinstance(item, Letter)]
        rows = [item for item in batch if isinstance(item, Logged)]
        new = [row for row in rows if row.place.offset > checkpoint.offset]
        if new:
            _fold(transaction, partition, new)
            advanced = Checkpoint(partition=partition, offset=new[-1].place.offset, number=0)
            checkpoints.advance(transaction, advanced, now=new[-1].recorded_at)
        restoring.insert_letters(transaction, letters)
    restored.events += len(new)
    restored.known += len(rows) - len(new)
    restored.letters += len(letters)
    return len(rows)


def _fold(transaction: Connection, partition: Partition, rows: Sequence[Logged]) -> None:
    restoring.insert_events(transaction, rows)
    applied = [
        recorded(row, offset=row.place.offset, payload=row.data)
        for row in rows
        if row.outcome == "applied"
    ]
    for row, event in zip([r for r in rows if r.outcome == "applied"], applied, strict=True):
        deleted = event.envelope.event
        if isinstance(deleted, AccountDeleted):
            erasures.mark_deleted(transaction, partition, [deleted.account_id], now=row.recorded_at)
    if applied:
        read_model.apply(transaction, partition, applied)


def _finish(engine: Engine, restored: Restored, queue: EventQueue, *, clock: Clock) -> None:
    """Set the checkpoints to where they were; the sweep raises the queue to them."""
    now = clock()
    with engine.begin() as transaction:
        passed = canaries.applied(transaction)
        for partition, end in sorted(restored.ends.items()):
            checkpoints.await_lock(transaction, partition)
            reached = _behind_canaries(queue, end, passed.get(partition, START))
            checkpoints.advance(transaction, reached, now=now)
        pauses.resume(transaction, list(restored.ends), now=now)
        opening.open_anew(transaction)


def _behind_canaries(queue: EventQueue, end: Checkpoint, passed: Offset) -> Checkpoint:
    """Return `end`, or the last of this service's own canaries, whichever is later."""
    number = queue.numbers()[end.partition]
    for entry in queue.read(end.partition, after=passed, limit=_AT_ONCE):
        if not is_canary(entry):
            number = entry.number - 1
            break
        passed = entry.offset
    return Checkpoint(
        partition=end.partition, offset=max(end.offset, passed), number=max(end.number, number)
    )


def _reason(header: Header) -> str:
    return f"import of export {header.id}"
