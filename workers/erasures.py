"""Carries erasures on: queues what deleted accounts are owed, frees their names when it is done.

It also takes their text out of dead letters that an earlier release parked, or an import brought.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from events import erasures, unchecked
from events.append import Intake, QueueUnavailableError
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.ids import Partition
from runtime.logging import get_logger

_log = get_logger(__name__)


def carry_on(
    queue: EventQueue, engine: Engine, *, clock: Clock, wake: Callable[[Partition], None]
) -> int:
    """Queue the erasures that are owed, free the names of those that are done, purge dead letters.

    Returns:
        How many were queued.

    Raises:
        sqlalchemy.exc.DBAPIError: The database is away.
    """
    try:
        queued = _queue_owed(queue, engine, clock=clock, wake=wake)
    except QueueUnavailableError as error:
        # A queue that is full must not keep the sweep from making room; the next one tries again.
        _log.warning("erasures.not_queued", reason=str(error))
        queued = 0
    with engine.begin() as transaction:
        forgotten = erasures.forget(transaction)
    with engine.begin() as transaction:
        purged = unchecked.purge(transaction, now=clock())
    if queued or forgotten or purged:
        _log.info("erasures.swept", queued=queued, forgotten=forgotten, purged=purged)
    return queued


def _queue_owed(
    queue: EventQueue, engine: Engine, *, clock: Clock, wake: Callable[[Partition], None]
) -> int:
    epoch = queue.epoch()
    if epoch is None:
        return 0
    with engine.connect() as connection:
        owed = erasures.owed(connection, epoch)
    for erasure in owed:
        intake = Intake(account=erasure.account_id, rate=None, receipt=b"")
        appended = queue.append(erasure.envelopes(queue.partitions), intake)
        with engine.begin() as transaction:
            erasures.note_queued(transaction, erasure.account_id, appended.epoch, now=clock())
        for partition in appended.rung:
            wake(partition)
    return len(owed)
