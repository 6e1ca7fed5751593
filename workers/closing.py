"""Closes an empty service for an import: its queue, and its partitions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine

from events import checkpoints, opening, pauses, restoring
from events.archive import ArchiveError, Header
from events.checkpoints import Checkpoint
from events.contracts.offsets import START
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.errors import MessagingError
from runtime.ids import Partition
from workers.canaries import is_canary

_AT_ONCE = 1_000


class NotEmptyError(MessagingError):
    """This service has events of its own: an export is imported into an empty one."""


def check_header(header: Header, partitions: int) -> None:
    """Raise ArchiveError unless it is of a whole log, queued in so many partitions."""
    if not header.complete:
        raise ArchiveError("This is a selection, not the whole log: it cannot be imported.")
    if header.partitions != partitions:
        raise ArchiveError(
            f"The events were queued in {header.partitions} partitions, here are {partitions}: "
            f"start a stack with MESSAGING_EVENT_PARTITIONS={header.partitions}."
        )


def prepare(engine: Engine, queue: EventQueue, header: Header, *, clock: Clock) -> bool:
    """Close the queue and pause all partitions for this import, until `restore` is through.

    Whatever was accepted meanwhile could lie below the checkpoints to come, and count as applied.
    The sweep opens the queue afterwards, raised to them.

    Args:
        engine: The primary, as the worker's role.
        queue: The event queue.
        header: The export's first line.
        clock: Since when they are paused.

    Returns:
        Whether an earlier run began with it.

    Raises:
        ArchiveError: The export is not of a whole log, or of another number of partitions.
        NotEmptyError: There are events already.
        QueueUnavailableError: Redis is away.
    """
    partitions = queue.partitions
    check_header(header, len(partitions))
    with engine.begin() as transaction:
        opening.hold(transaction)
        known = [checkpoints.await_lock(transaction, Partition(p)) for p in partitions]
        there = [checkpoint for checkpoint in known if checkpoint]
        if len(there) < len(partitions):
            raise MessagingError("The event queue was never opened: wait for the first sweep.")
        reason = pauses.import_reason(header.id)
        again = {checkpoint.paused for checkpoint in there} == {reason}
        if not again:
            _check_unused(transaction, queue, there)
        queue.close()
        if not again:
            # A service in use has noticed nothing until here; but an append may have come since.
            _check_unused(transaction, queue, there)
            now = clock()
            pauses.resume(transaction, partitions, now=now)
            pauses.pause(transaction, partitions, by="import", reason=reason, now=now)
            for checkpoint in there:
                start = Checkpoint(partition=checkpoint.partition, offset=START, number=0)
                checkpoints.advance(transaction, start, now=now)
    return again


def _check_unused(transaction: Connection, queue: EventQueue, known: Sequence[Checkpoint]) -> None:
    if any(_waits(queue, checkpoint) for checkpoint in known):
        raise NotEmptyError
    if not restoring.is_empty(transaction):
        raise NotEmptyError


def _waits(queue: EventQueue, checkpoint: Checkpoint) -> bool:
    """Return whether anything but canaries waits in a partition."""
    after = checkpoint.offset
    while entries := queue.read(checkpoint.partition, after=after, limit=_AT_ONCE):
        if not all(map(is_canary, entries)):
            return True
        after = entries[-1].offset
    return False
