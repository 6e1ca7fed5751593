"""Restores an export into an empty service: log, dead letters, read model, checkpoints.

The partitions are paused under the export's name until all is there: that name, and the offsets of
the checkpoints, tell an import that is run again where to go on. Canaries that went through the
empty service before are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import cast

from sqlalchemy import Connection, Engine

from events import canaries, checkpoints, erasures, pauses, restoring
from events.archive import ArchiveError, End, Header
from events.archive_file import Line
from events.archive_reading import Item
from events.checkpoints import Checkpoint
from events.contracts.accounts import AccountDeleted
from events.contracts.offsets import START, Offset
from events.entries import Entry
from events.letters import Letter
from events.queue import EventQueue
from events.replay import recorded
from events.selection import Logged
from runtime.clock import Clock
from runtime.errors import MessagingError
from runtime.ids import AccountId, Partition
from workers.batch import apply_batch
from workers.canaries import is_canary
from workers.pace import Pace
from workers.projections import read_model

_AT_ONCE = 1_000
_BATCH_BYTES = 16 * 1024 * 1024
_ERASURES_AT_ONCE = 100
_DIFFERS = (
    "This is not what an earlier run of the import restored, or somebody else has changed it: "
    "begin anew with an empty service."
)


@dataclass(kw_only=True)
class Restored:
    """How much was restored, and how much had been by an earlier run.

    Attributes:
        events: Rows of the log.
        letters: Dead letters.
        known: Rows of the log that an earlier run had restored.
        erased: Accounts that were deleted after the export, and are erased again.
        ends: The checkpoints.
    """

    events: int = 0
    letters: int = 0
    known: int = 0
    erased: set[AccountId] = field(default_factory=set)
    ends: dict[Partition, Checkpoint] = field(default_factory=dict)


def restore(
    engine: Engine,
    header: Header,
    lines: Iterable[Line],
    *,
    queue: EventQueue,
    clock: Clock,
    pace: Pace,
) -> Restored:
    """Restore all that follows the header, and let the partitions go on.

    Args:
        engine: The primary, as the worker's role.
        header: The export's first line.
        lines: The others, in order and whole: as `archive_file.read` gives them.
        queue: The event queue of this service, closed by `closing.prepare`.
        clock: When the checkpoints are set.
        pace: How fast.

    Raises:
        ArchiveError: It is not what an earlier run restored.
        InterruptedWorkError: The work was stopped between two transactions.
        sqlalchemy.exc.DBAPIError: The database is away or refuses.
    """
    restored = Restored()
    end: End | None = None
    for batch in _batches(lines, at_once=pace.portion(_AT_ONCE)):
        first = batch[0]
        if isinstance(first, Checkpoint):
            restored.ends[first.partition] = first
        elif isinstance(first, End):
            end = first
        else:
            rows = cast("Sequence[Logged | Letter]", batch)
            pace.done(_restore_batch(engine, header, rows, restored))
    if end is None:
        raise ArchiveError("The export is cut off: its last line is missing.")
    _finish(engine, queue, end, restored, clock=clock)
    return restored


def _batches(lines: Iterable[Line], *, at_once: int) -> Iterator[Sequence[Item]]:
    """Give items of one kind and partition together, so many at once, or so long."""

    def kind(line: Line) -> tuple[type, int]:
        item = line.item
        return type(item), item.place.partition if isinstance(item, Logged | Letter) else -1

    for (sort, _), same in groupby(lines, kind):
        most = at_once if sort in (Logged, Letter) else 1
        batch: list[Item] = []
        size = 0
        for line in same:
            if batch and (len(batch) == most or size + line.size > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(line.item)
            size += line.size
        yield batch


def _restore_batch(
    engine: Engine, header: Header, batch: Sequence[Logged | Letter], restored: Restored
) -> int:
    partition = batch[0].place.partition
    with engine.begin() as transaction:
        checkpoint = checkpoints.await_lock(transaction, partition)
        if checkpoint is None or checkpoint.paused != pauses.import_reason(header.id):
            raise MessagingError(f"Partition {partition} was resumed meanwhile: begin anew.")
        letters = [item for item in batch if isinstance(item, Letter)]
        rows = [item for item in batch if isinstance(item, Logged)]
        new = [row for row in rows if row.place.offset > checkpoint.offset]
        known = rows[: len(rows) - len(new)]
        if not restoring.are_known(transaction, known):
            raise ArchiveError(_DIFFERS)
        if new:
            _fold(transaction, partition, new)
            advanced = Checkpoint(partition=partition, offset=new[-1].place.offset, number=0)
            checkpoints.advance(transaction, advanced, now=new[-1].recorded_at)
        if not restoring.insert_letters(transaction, letters):
            raise ArchiveError(_DIFFERS)
    restored.events += len(new)
    restored.known += len(known)
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


def _finish(
    engine: Engine, queue: EventQueue, end: End, restored: Restored, *, clock: Clock
) -> None:
    """Set the checkpoints to where they were; the sweep raises the queue to them, and opens it."""
    now = clock()
    with engine.begin() as transaction:
        for partition in sorted(restored.ends):
            checkpoints.await_lock(transaction, partition)
        if restoring.counts(transaction) != (end.events, end.letters):
            raise ArchiveError(_DIFFERS)
        passed = canaries.applied(transaction)
        for partition, reached in restored.ends.items():
            last = _erase_again(transaction, reached, len(restored.ends), restored, now)
            last = _behind_canaries(queue, last, passed.get(partition, START))
            checkpoints.advance(transaction, last, now=now)
        pauses.resume(transaction, list(restored.ends), now=now)


def _erase_again(
    transaction: Connection, last: Checkpoint, partitions: int, restored: Restored, now: datetime
) -> Checkpoint:
    """Apply what accounts are owed that were deleted after the export; return where that ends.

    Schema identity, which is not in the export, knows them; those that it counts as done already,
    nobody would queue again, and what they wrote would be back for good.
    """
    owed = erasures.missing(transaction, last.partition)
    restored.erased.update(erasure.account_id for erasure in owed)
    for start in range(0, len(owed), _ERASURES_AT_ONCE):
        entries = [
            Entry(
                offset=Offset(last.offset.ms, last.offset.seq + count),
                number=last.number + count,
                envelope=erasure.envelopes(range(partitions))[last.partition].encode(),
            )
            for count, erasure in enumerate(owed[start : start + _ERASURES_AT_ONCE], 1)
        ]
        apply_batch(transaction, last.partition, entries, now=now)
        last = replace(last, offset=entries[-1].offset, number=entries[-1].number)
    return last


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
