"""Restores an export into an empty service: log, dead letters, read model, checkpoints.

The partitions are paused under the export's name until all is there: that name, and the offsets of
the checkpoints, tell an import that is run again where to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

from sqlalchemy import Connection, Engine

from events import checkpoints, erasures, pauses, restoring
from events.archive import ArchiveError, End, Header, Item
from events.checkpoints import Checkpoint
from events.contracts.accounts import AccountDeleted
from events.contracts.envelope import Envelope, read_event
from events.contracts.outcomes import Outcome
from events.log import Recorded
from events.selection import Letter, Logged
from runtime.clock import Clock
from runtime.errors import MessagingError
from runtime.ids import AccountId, ConversationId, EventId, Partition
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


def prepare(engine: Engine, header: Header, *, queued: Mapping[int, int], clock: Clock) -> bool:
    """Pause all partitions for this import; return whether an earlier run began with it.

    Args:
        engine: The primary, as the worker's role.
        header: The export's first line.
        queued: Of each partition how many entries there ever were.
        clock: Since when they are paused.

    Raises:
        ArchiveError: The export is not of a whole log, or of another number of partitions.
        NotEmptyError: There are events already.
    """
    if not header.complete:
        raise ArchiveError("This is a selection, not the whole log: it cannot be imported.")
    partitions = len(queued)
    if header.partitions != partitions:
        raise ArchiveError(
            f"The events were queued in {header.partitions} partitions, here are {partitions}: "
            f"start a stack with MESSAGING_EVENT_PARTITIONS={header.partitions}."
        )
    with engine.begin() as transaction:
        known = [checkpoints.await_lock(transaction, Partition(p)) for p in range(partitions)]
        if any(checkpoint is None for checkpoint in known):
            raise MessagingError("The event queue was never opened: wait for the first sweep.")
        reasons = {checkpoint.paused for checkpoint in known if checkpoint}
        if reasons == {_reason(header)}:
            return True
        if any(queued.values()) or not restoring.is_empty(transaction):
            raise NotEmptyError
        pauses.resume(transaction, range(partitions), now=clock())
        pauses.pause(transaction, range(partitions), reason=_reason(header), now=clock())
        return False


def restore(
    engine: Engine, header: Header, items: Iterable[Item], *, clock: Clock, pace: Pace
) -> Restored:
    """Restore all that follows the header, and let the partitions go on.

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
    _finish(engine, restored, clock=clock)
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
    applied = [_recorded(row) for row in rows if row.outcome == "applied"]
    for row, event in zip([r for r in rows if r.outcome == "applied"], applied, strict=True):
        deleted = event.envelope.event
        if isinstance(deleted, AccountDeleted):
            erasures.mark_deleted(transaction, partition, [deleted.account_id], now=row.recorded_at)
    if applied:
        read_model.apply(transaction, partition, applied)


def _recorded(row: Logged) -> Recorded:
    envelope = Envelope(
        id=EventId(row.id),
        event=read_event(row.type, row.data),
        actor_id=AccountId(row.actor_id),
        occurred_at=row.occurred_at,
        request_id=row.request_id,
        traceparent=row.traceparent,
    )
    conversation = row.conversation_id
    return Recorded(
        offset=row.place.offset,
        envelope=envelope,
        conversation_id=None if conversation is None else ConversationId(conversation),
        outcome=cast("Outcome", row.outcome),
        position=row.position,
        reason=row.reason,
    )


def _finish(engine: Engine, restored: Restored, *, clock: Clock) -> None:
    """Set the checkpoints to where they were; the sweep raises the queue to them."""
    now = clock()
    with engine.begin() as transaction:
        for partition, end in sorted(restored.ends.items()):
            checkpoints.await_lock(transaction, partition)
            checkpoints.advance(transaction, end, now=now)
        pauses.resume(transaction, list(restored.ends), now=now)


def _reason(header: Header) -> str:
    return f"import of export {header.id}"
