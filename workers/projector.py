"""The projector: applies a partition's entries in batches, each exactly once, in order.

Log rows, read model rows and checkpoint change in one transaction; the checkpoint's row lock
admits one projector, so wake-ups may be lost or repeated without harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from psycopg2 import DataError, IntegrityError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from events import checkpoints
from events.checkpoints import Checkpoint
from events.contracts.base import PoisonEventError
from events.contracts.offsets import START, Offset
from events.queue import Entry, EventQueue
from runtime.clock import Clock
from runtime.ids import Partition
from runtime.logging import get_logger
from workers.batch import Counts, Outcome, apply_batch

_log = get_logger(__name__)
# A worker gives other partitions their turn after this; the bell is rung for the rest.
_DRAIN_SECONDS = 5.0
# Of the longest messages a whole batch would keep Postgres busy with their words for longer than a
# statement may take.
_BATCH_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What a drain did to a partition, and what it left.

    Attributes:
        partition: Which.
        applied: Events that took effect.
        rejected: Events that a rule refused.
        parked: Events set aside.
        lag_events: Entries still to be applied.
        lag_seconds: Age of the oldest of them.
        busy: Whether another projector was at it, and goes on with it.
    """

    partition: Partition
    applied: int
    rejected: int
    parked: int
    lag_events: int
    lag_seconds: float
    busy: bool


class Projector:
    """Drains the partitions of one queue into one database."""

    def __init__(
        self,
        queue: EventQueue,
        engine: Engine,
        *,
        batch_size: int,
        clock: Clock,
        linger_ms: int = 250,
        notify: Callable[[Partition, Offset], None] | None = None,
    ) -> None:
        """Read from `queue`, apply through `engine`.

        Args:
            queue: The event queue.
            engine: The primary, as the worker's role.
            batch_size: Entries at most in one transaction.
            clock: What the log shall say of when events were applied.
            linger_ms: How long a drained partition is watched for more before its bell is
                silenced, 0 for not at all: a wake-up through Celery costs both sides more than
                all else that is done for an event.
            notify: Is told after each commit up to where a partition is applied; must not fail.
        """
        self._notify = notify
        self._linger_ms = linger_ms
        self._queue = queue
        self._engine = engine
        self._batch_size = batch_size
        self._clock = clock

    def drain(self, partition: Partition) -> Drained:
        """Apply what is queued until nothing more comes, another is at it, or time is up.

        The bell stays set meanwhile, so that a steady flow of events needs no further wake-up.

        Raises:
            QueueUnavailableError: Redis is away.
            sqlalchemy.exc.DBAPIError: The database is away or refuses; nothing is half done.
        """
        counts = Counts()
        deadline = time.monotonic() + _DRAIN_SECONDS
        reached = self._step(partition, counts)
        left: list[Entry] = []
        while reached is not None:
            self._queue.keep_bell(partition)
            left = self._linger(partition, reached)
            if not left or time.monotonic() > deadline:
                self._queue.clear_bell(partition)
                # Look once more: an append that came before the bell was silent woke nobody.
                left = self._queue.read(partition, after=reached, limit=1)
            if not left or time.monotonic() > deadline:
                break
            reached = self._step(partition, counts)
        return Drained(
            partition=partition,
            applied=counts.applied,
            rejected=counts.rejected,
            parked=counts.parked,
            lag_events=self._lag(partition) if left else 0,
            lag_seconds=self._age(left[0].offset) if left else 0.0,
            busy=reached is None,
        )

    def _linger(self, partition: Partition, reached: Offset) -> list[Entry]:
        if not self._linger_ms:
            return []
        return self._queue.wait(partition, after=reached, milliseconds=self._linger_ms)

    def _step(self, partition: Partition, counts: Counts) -> Offset | None:
        """Apply one batch; return up to where all is applied, None where another is at it."""
        entries: list[Entry] = []
        start = START
        try:
            with self._engine.begin() as transaction:
                checkpoint = checkpoints.lock(transaction, partition)
                if checkpoint is None:
                    return None
                start = checkpoint.offset
                read = self._queue.read(partition, after=start, limit=self._batch_size)
                entries = _portion(read)
                if not entries:
                    self._settle(transaction, checkpoint)
                    return start
                outcome = self._apply(transaction, checkpoint, entries)
        except (PoisonEventError, DBAPIError) as error:
            if not _is_poison(error):
                raise
            if not self._isolate(partition, start, entries, counts, error):
                return None
        else:
            self._tell(partition, entries[-1].offset, outcome, counts)
        return entries[-1].offset

    def _apply(
        self,
        transaction: Connection,
        checkpoint: Checkpoint,
        entries: Sequence[Entry],
        poison: BaseException | None = None,
    ) -> Outcome:
        """Apply what was read right behind the checkpoint, and move it there."""
        expected = checkpoint.number + len(entries)
        if entries[-1].number != expected:
            _log.error(
                "projection.entries_missing",
                partition=checkpoint.partition,
                after=str(checkpoint.offset),
                missing=entries[-1].number - expected,
            )
        now = self._clock()
        outcome = apply_batch(transaction, checkpoint.partition, entries, now=now, poison=poison)
        last = entries[-1]
        advanced = Checkpoint(
            partition=checkpoint.partition, offset=last.offset, number=last.number
        )
        checkpoints.advance(transaction, advanced, now=now)
        return outcome

    def _isolate(
        self,
        partition: Partition,
        start: Offset,
        entries: Sequence[Entry],
        counts: Counts,
        error: BaseException,
    ) -> bool:
        """Find the poison by halves, so that one bad event costs log2(n) tries; park it alone.

        Returns False, with the rest undone, where another projector came in between.
        """
        if len(entries) == 1:
            return self._transact(partition, start, entries, counts, poison=error)
        middle = len(entries) // 2
        for half in (entries[:middle], entries[middle:]):
            try:
                done = self._transact(partition, start, half, counts)
            except (PoisonEventError, DBAPIError) as cause:
                if not _is_poison(cause):
                    raise
                done = self._isolate(partition, start, half, counts, cause)
            if not done:
                return False
            start = half[-1].offset
        return True

    def _transact(
        self,
        partition: Partition,
        start: Offset,
        entries: Sequence[Entry],
        counts: Counts,
        *,
        poison: BaseException | None = None,
    ) -> bool:
        """Apply `entries` if the checkpoint still stands at `start`, right before them."""
        with self._engine.begin() as transaction:
            checkpoint = checkpoints.lock(transaction, partition)
            # To go on where the checkpoint is not would skip what lies between for ever.
            if checkpoint is None or checkpoint.offset != start:
                return False
            outcome = self._apply(transaction, checkpoint, entries, poison)
        self._tell(partition, entries[-1].offset, outcome, counts)
        return True

    def _tell(
        self, partition: Partition, reached: Offset, outcome: Outcome, counts: Counts
    ) -> None:
        """Count what was committed, and log what became of each event and its request."""
        if self._notify is not None and outcome.counts.applied:
            self._notify(partition, reached)
        counts.add(outcome.counts)
        _log.info("projection.committed", partition=partition, events=outcome.traces)
        for letter in outcome.poisoned:
            # Not the reason: a database's error may quote a value, and that may be a message.
            _log.error(
                "projection.parked",
                partition=partition,
                offset=str(letter.offset),
                event_id=str(letter.event_id),
            )

    def _settle(self, transaction: Connection, checkpoint: Checkpoint) -> None:
        """Where entries are gone that were never applied, say so and stop waiting for them."""
        head = self._queue.numbers()[checkpoint.partition]
        if head <= checkpoint.number or self._queue.read(
            checkpoint.partition, after=checkpoint.offset, limit=1
        ):
            return
        _log.error(
            "projection.entries_missing",
            partition=checkpoint.partition,
            after=str(checkpoint.offset),
            missing=head - checkpoint.number,
        )
        settled = Checkpoint(partition=checkpoint.partition, offset=checkpoint.offset, number=head)
        checkpoints.advance(transaction, settled, now=self._clock())

    def _lag(self, partition: Partition) -> int:
        with self._engine.connect() as connection:
            reached = checkpoints.read(connection, partition).number
        return max(0, self._queue.numbers()[partition] - reached)

    def _age(self, offset: Offset) -> float:
        return max(0.0, self._clock().timestamp() - offset.ms / 1000)


def _portion(entries: list[Entry]) -> list[Entry]:
    """Return as many of the first entries as make a batch by their length, at least one."""
    lengths = accumulate(len(entry.envelope) for entry in entries)
    return entries[: max(1, sum(length <= _BATCH_BYTES for length in lengths))]


def _is_poison(error: BaseException) -> bool:
    """Tell an event that can never be applied from a database that is away or broken."""
    if isinstance(error, DBAPIError):
        return isinstance(error.orig, DataError | IntegrityError)
    return isinstance(error, PoisonEventError)
