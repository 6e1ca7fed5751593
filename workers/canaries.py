"""Sends canaries: an event through each partition, so that the way itself shows that it is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from events import canaries
from events.append import Intake, QueueFullError
from events.canaries import Canary
from events.checkpoints import Checkpoint
from events.contracts.base import PoisonEventError
from events.contracts.canaries import NOBODY, CanarySent
from events.contracts.envelope import Envelope
from events.contracts.offsets import Offset
from events.entries import Entry
from events.opening import ensure_open
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.ids import EventId, Partition, new_id
from runtime.logging import get_logger

_log = get_logger(__name__)
_INTAKE = Intake(account=NOBODY, rate=None, receipt=b"")
Decoded = tuple[Entry, Envelope | PoisonEventError]


def send(
    queue: EventQueue, engine: Engine, *, clock: Clock, wake: Callable[[Partition], None]
) -> int:
    """Append a canary to each partition whose last one has been applied; return how many.

    An outage so leaves one canary a partition in the queue, not one for each time. None goes
    through a partition that is paused: it could not arrive.

    Args:
        queue: The event queue.
        engine: The primary, as the worker's role.
        clock: What the canaries shall say of when they were sent.
        wake: Wakes a projector of a partition.

    Raises:
        QueueUnavailableError: Redis is away.
        sqlalchemy.exc.DBAPIError: The database is away.
    """
    known = ensure_open(queue, engine, clock=clock)
    numbers = queue.numbers()
    with engine.connect() as connection:
        before = canaries.appended(connection)
    sent: dict[Partition, Offset] = {}
    for checkpoint in known:
        if checkpoint.paused is not None:
            continue
        if not _is_under_way(checkpoint, before, numbers[checkpoint.partition]):
            offset = _append(queue, checkpoint.partition, clock=clock, wake=wake)
            if offset is not None:
                sent[checkpoint.partition] = offset
    with engine.begin() as transaction:
        canaries.note_appended(transaction, sent)
    return len(sent)


def _is_under_way(checkpoint: Checkpoint, before: dict[Partition, Offset], head: int) -> bool:
    last = before.get(checkpoint.partition)
    # Where nothing waits, it was lost with a Redis: the next one has to go.
    return last is not None and last > checkpoint.offset and head > checkpoint.number


def _append(
    queue: EventQueue, partition: Partition, *, clock: Clock, wake: Callable[[Partition], None]
) -> Offset | None:
    event = CanarySent(in_partition=partition, of_partitions=len(queue.partitions))
    envelope = Envelope(id=EventId(new_id()), event=event, actor_id=NOBODY, occurred_at=clock())
    try:
        appended = queue.append([envelope], _INTAKE)
    except QueueFullError:
        # What room there is belongs to people's commands; its age tells.
        _log.info("canary.not_sent", partition=partition)
        return None
    for rung in appended.rung:
        wake(rung)
    return appended.offsets[0]


def set_apart(decoded: Sequence[Decoded]) -> tuple[list[Decoded], Canary | None]:
    """Return what of a batch is for the event log, and the last of its canaries, if any."""
    others: list[Decoded] = []
    canary = None
    for entry, envelope in decoded:
        if isinstance(envelope, Envelope) and isinstance(envelope.event, CanarySent):
            canary = Canary(offset=entry.offset, sent_at=envelope.occurred_at)
        else:
            others.append((entry, envelope))
    return others, canary


def is_canary(entry: Entry) -> bool:
    """Return whether `entry` holds a canary, and so nothing of anybody's."""
    try:
        return isinstance(Envelope.decode(entry.envelope).event, CanarySent)
    except PoisonEventError:
        return False
