"""Builds a spare read model: folds the log into it, partition by partition, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from psycopg2.errors import LockNotAvailable, QueryCanceled
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from database.errors import reason_of
from events import checkpoints, replay
from runtime.errors import MessagingError, UnavailableError
from runtime.ids import Partition
from workers import folds
from workers.alone import Engines
from workers.faults import classify
from workers.mending import mend_held
from workers.pace import Pace
from workers.projections import read_model

_TRIES = 6
_FIRST_PAUSE_S = 0.2
_HOLD_TRIES = 200
_HOLD_PAUSE_S = 0.1
# What is behind when the partitions are held delays projection.
_CLOSE_EVENTS = 100
_CHASES = 20
# A lost tail of a rebuild is folded again: its progress is lost with it.
_NEED_NOT_WAIT_FOR_DISK = text("SET LOCAL synchronous_commit = off")
_HOLD_TIMEOUT = text("SET LOCAL statement_timeout = '250ms'")


class PartitionsBusyError(MessagingError):
    """The partitions were too busy to be held; try again when less is going on."""


class SpareGoneError(MessagingError):
    """The read model that is being made was dropped by somebody else."""


class Builder:
    """Folds the log into one spare read model."""

    def __init__(
        self,
        engines: Engines,
        spare: str,
        *,
        pace: Pace,
        jobs: int = 2,
        batch_size: int = 1_000,
    ) -> None:
        """Fold into `spare`, whose progress must have been begun.

        Args:
            engines: The primary.
            spare: The schema's name.
            pace: How fast; it also stops the work.
            jobs: Partitions at most that are folded at once.
            batch_size: Events at most in one transaction.

        Raises:
            ValueError: With such batches nothing would ever be folded.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        self._engines = engines
        self._spare = spare
        self._pace = pace
        self._jobs = jobs
        self._batch_size = batch_size
        self._known: list[Partition] = []

    def fold_all(self) -> int:
        """Fold all that the log has, partitions at once; return how many events that was.

        Raises:
            InterruptedWorkError: It was stopped; what was folded stays folded.
            PoisonEventError: The log holds an event that cannot be read.
        """
        with ThreadPoolExecutor(self._jobs) as pool:
            running = [pool.submit(self._fold_partition, each) for each in self._partitions()]
            try:
                return sum(done.result() for done in as_completed(running))
            except BaseException:
                self._pace.stop()
                raise

    def chase(self) -> None:
        """Fold until hardly anything is left that came meanwhile."""
        for _ in range(_CHASES):
            if self.fold_all() < _CLOSE_EVENTS:
                break

    @contextmanager
    def held(self) -> Iterator[float]:
        """Keep projectors out of all partitions; give since when, as `time.monotonic` counts.

        Raises:
            PartitionsBusyError: There was no moment for it.
        """
        for _ in range(_HOLD_TRIES):
            self._pace.check()
            with self._engines.worker.connect() as connection:
                transaction = connection.begin()
                connection.execute(_HOLD_TIMEOUT)
                since = time.monotonic()
                if _try_to_hold(connection, self._partitions()):
                    with transaction:
                        yield since
                    return
            # Who waits for us goes first: an erasure may take its time.
            time.sleep(_HOLD_PAUSE_S)
            self.chase()
        raise PartitionsBusyError

    def settle(self, transaction: Connection) -> None:
        """Bring the spare up to the held checkpoints, and in it what came late."""
        checkpoints.share(transaction, self._partitions())
        for partition in folds.behind(transaction, self._spare):
            while self._fold_some(transaction, partition):
                pass
        for partition, conversation in folds.late(transaction, self._spare):
            mend_held(transaction, partition, [conversation], schema=self._spare)

    def _partitions(self) -> list[Partition]:
        if not self._known:
            with self._engines.operator.connect() as connection:
                found = folds.read_all(connection, self._spare)
            self._known = [fold.partition for fold in found]
        if not self._known:
            raise SpareGoneError
        return self._known

    def _fold_partition(self, partition: Partition) -> int:
        total = 0
        while True:
            self._pace.check()
            folded = persist(lambda: self._step(partition), self._pace)
            total += folded
            if not folded:
                return total
            self._pace.done(folded)

    def _step(self, partition: Partition) -> int:
        with self._engines.worker.begin() as transaction:
            transaction.execute(_NEED_NOT_WAIT_FOR_DISK)
            return self._fold_some(transaction, partition)

    def _fold_some(self, transaction: Connection, partition: Partition) -> int:
        reached = folds.lock(transaction, self._spare, partition)
        events = replay.read_applied(
            transaction, partition, after=reached.offset, limit=self._batch_size
        )
        if events:
            read_model.apply(transaction, partition, events, schema=self._spare)
            folds.advance(
                transaction, self._spare, partition, events[-1].offset, events=len(events)
            )
        return len(events)


def persist(act: Callable[[], int], pace: Pace) -> int:
    """Return what `act` returns, trying again while the database is away or has a deadlock.

    Raises:
        UnavailableError: It stayed so.
        InterruptedWorkError: It was stopped meanwhile.
    """
    for attempt in range(_TRIES):
        try:
            return act()
        except DBAPIError as error:
            if classify(error) != "transient":
                raise
            failed = error
        pace.rest(_FIRST_PAUSE_S * 2**attempt)
    reason = reason_of(failed)
    raise UnavailableError(f"The database fails: {reason}: run it again to go on.") from failed


def _try_to_hold(transaction: Connection, partitions: Sequence[Partition]) -> bool:
    try:
        checkpoints.hold(transaction, partitions)
    except DBAPIError as error:
        if not isinstance(error.orig, LockNotAvailable | QueryCanceled):
            raise
        return False
    return True
