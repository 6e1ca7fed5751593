"""The projector: applies a partition's entries in batches, each exactly once, in order.

Log rows, read model rows and checkpoint change in one transaction; the checkpoint's row lock
admits one projector, so wake-ups may be lost or repeated without harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import accumulate

from sqlalchemy import Connection, Engine

from events import checkpoints
from events.checkpoints import Checkpoint
from events.contracts.offsets import START, Offset
from events.entries import Entry
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.ids import Partition
from runtime.logging import get_logger
from workers.applying import Applier, is_divisible
from workers.back_off import BackOff
from workers.batch import Counts
from workers.drained import Drained, Halt
from workers.faults import classify
from workers.measures import Batch
from workers.poison_limit import FaultSettings

_log = get_logger(__name__)
# A worker gives other partitions their turn after this; the bell is rung for the rest.
_DRAIN_SECONDS = 5.0
# Of the longest messages a whole batch would keep Postgres busy with their words for longer than a
# statement may take.
_BATCH_BYTES = 2 * 1024 * 1024


class Projector:
    """Drains the partitions of one queue into one database."""

    def __init__(  # noqa: PLR0913  # all that it is wired with, each with a name
        self,
        queue: EventQueue,
        engine: Engine,
        *,
        batch_size: int,
        clock: Clock,
        linger_ms: int = 250,
        notify: Callable[[Partition, Offset], None] | None = None,
        faults: FaultSettings = FaultSettings(),  # noqa: B008  # frozen
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
            faults: When an event is set aside, and when the partition is stopped instead.
        """
        self._applier = Applier(engine, clock=clock, faults=faults, notify=notify)
        self._back_off = BackOff(queue)
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
            sqlalchemy.exc.DBAPIError: The database is away or refuses; nothing is half done. The
                bell is held for a while: the sweep rings again after that.
        """
        try:
            drained = self._drain(partition)
        except Exception as error:
            if classify(error) == "transient":
                self._back_off.failed(partition, error)
            raise
        self._back_off.succeeded(partition)
        return drained

    def _drain(self, partition: Partition) -> Drained:
        counts = Counts()
        deadline = time.monotonic() + _DRAIN_SECONDS
        reached = self._step(partition, counts)
        left: list[Entry] = []
        while isinstance(reached, Offset):
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
            busy=reached == "busy",
            paused=reached == "paused",
        )

    def _linger(self, partition: Partition, reached: Offset) -> list[Entry]:
        if not self._linger_ms:
            return []
        return self._queue.wait(partition, after=reached, milliseconds=self._linger_ms)

    def _step(self, partition: Partition, counts: Counts) -> Offset | Halt:
        """Apply one batch; return up to where all is applied, or why nothing more was."""
        entries: list[Entry] = []
        start = START
        batch = Batch()
        try:
            with self._engine.begin() as transaction:
                checkpoint = checkpoints.lock(transaction, partition)
                if checkpoint is None:
                    return "busy"
                if checkpoint.paused is not None:
                    return "paused"
                start = checkpoint.offset
                read = self._queue.read(partition, after=start, limit=self._batch_size)
                entries = _portion(read)
                if not entries:
                    self._settle(transaction, checkpoint)
                    return start
                outcome = self._applier.apply(transaction, checkpoint, entries)
        except Exception as error:
            if not entries or not is_divisible(error, entries):
                self._applier.note_hold(partition, start, entries, error)
                raise
            halt = self._applier.isolate(partition, start, entries, counts, error)
            if halt is not None:
                return halt
        else:
            batch.committed(len(entries))
            self._applier.tell(partition, entries[-1].offset, outcome, counts)
        return entries[-1].offset

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
