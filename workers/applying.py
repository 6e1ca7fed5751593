"""Applies entries in transactions, finds the poison among them, and parks it or stops for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from events import checkpoints, holds, pauses
from events.checkpoints import Checkpoint
from events.contracts.offsets import Offset
from events.entries import Entry
from runtime.clock import Clock
from runtime.ids import Partition
from runtime.logging import get_logger
from runtime.meters import count
from workers.back_off import delay
from workers.batch import Counts, Outcome, apply_batch
from workers.drained import Halt
from workers.faults import PoisonLimitError, classify, first_line, may_be_divided
from workers.measures import Batch, count_events
from workers.parking import Poison
from workers.poison_limit import FaultSettings

_log = get_logger(__name__)


def is_divisible(error: Exception, entries: Sequence[Entry]) -> bool:
    """Return whether to apply `entries` by halves, after `error`, rather than later again."""
    return classify(error) != "transient" or (len(entries) > 1 and may_be_divided(error))


class Applier:
    """Applies a partition's entries to one database, each exactly once."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        faults: FaultSettings,
        notify: Callable[[Partition, Offset], None] | None,
    ) -> None:
        """See `Projector`."""
        self._engine = engine
        self._clock = clock
        self._faults = faults
        self._notify = notify

    def apply(
        self,
        transaction: Connection,
        checkpoint: Checkpoint,
        entries: Sequence[Entry],
        poison: Poison | None = None,
    ) -> Outcome:
        """Apply what was read right behind the checkpoint, and move it there.

        Raises:
            PoisonLimitError: Too much of what is recent had to be set aside.
        """
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
        if outcome.poisoned:
            self._faults.check(transaction, checkpoint.partition)
        last = entries[-1]
        advanced = Checkpoint(
            partition=checkpoint.partition, offset=last.offset, number=last.number
        )
        checkpoints.advance(transaction, advanced, now=now)
        return outcome

    def isolate(
        self,
        partition: Partition,
        start: Offset,
        entries: Sequence[Entry],
        counts: Counts,
        error: Exception,
    ) -> Halt | None:
        """Find the poison by halves, so that one bad event costs log2(n) tries; park it alone.

        What takes too long at once is applied in parts the same way.

        Returns why the rest is undone: another projector came in between, or the limit is reached.
        """
        if len(entries) == 1:
            return self._set_aside(partition, start, entries, counts, error)
        middle = len(entries) // 2
        for half in (entries[:middle], entries[middle:]):
            try:
                halt = self.transact(partition, start, half, counts)
            except Exception as cause:
                if not is_divisible(cause, half):
                    self.note_hold(partition, start, half, cause)
                    raise
                halt = self.isolate(partition, start, half, counts, cause)
            if halt is not None:
                return halt
            start = half[-1].offset
        return None

    def _set_aside(
        self,
        partition: Partition,
        start: Offset,
        entry: Sequence[Entry],
        counts: Counts,
        error: Exception,
    ) -> Halt | None:
        """Park the one entry; first try again where nobody knows what is wrong with it."""
        attempts = 1
        while classify(error) == "unknown" and attempts < self._faults.attempts:
            time.sleep(delay(attempts, 1.0))
            attempts += 1
            count("messaging_projection_retries_total")
            try:
                return self.transact(partition, start, entry, counts)
            except Exception as cause:
                if classify(cause) == "transient":
                    raise
                error = cause
        try:
            if isinstance(error, PoisonLimitError):
                raise error
            poison = Poison(error=error, attempts=attempts)
            return self.transact(partition, start, entry, counts, poison=poison)
        except PoisonLimitError as limit:
            return self._stop(partition, start, limit)

    def transact(
        self,
        partition: Partition,
        start: Offset,
        entries: Sequence[Entry],
        counts: Counts,
        *,
        poison: Poison | None = None,
    ) -> Halt | None:
        """Apply `entries` if the checkpoint still stands at `start`, right before them."""
        batch = Batch()
        with self._engine.begin() as transaction:
            checkpoint = checkpoints.lock(transaction, partition)
            # To go on where the checkpoint is not would skip what lies between for ever.
            if checkpoint is None or checkpoint.offset != start:
                return "busy"
            if checkpoint.paused is not None:
                return "paused"
            outcome = self.apply(transaction, checkpoint, entries, poison)
        batch.committed(len(entries))
        self.tell(partition, entries[-1].offset, outcome, counts)
        return None

    def _stop(self, partition: Partition, start: Offset, limit: PoisonLimitError) -> Halt:
        """Pause the partition right before an event that would be one poison event too many."""
        with self._engine.begin() as transaction:
            checkpoint = checkpoints.lock(transaction, partition)
            if checkpoint is None or checkpoint.offset != start:
                return "busy"
            pauses.pause(
                transaction, [partition], by="poison", reason=str(limit), now=self._clock()
            )
        _log.error("projection.stopped", partition=partition, reason=str(limit), after=str(start))
        return "paused"

    def note_hold(
        self, partition: Partition, start: Offset, entries: Sequence[Entry], error: Exception
    ) -> None:
        """Let operators see it where `error` says that one event took longer than it may."""
        if len(entries) != 1 or not may_be_divided(error):
            return
        reason = first_line(error)
        held = str(entries[0].offset)
        _log.error("projection.held", partition=partition, offset=held, reason=reason)
        try:
            with self._engine.begin() as transaction:
                holds.note(transaction, partition, behind=start, reason=reason, now=self._clock())
        except (DBAPIError, PoolTimeoutError) as away:
            _log.warning("projection.hold_not_noted", partition=partition, reason=first_line(away))

    def tell(self, partition: Partition, reached: Offset, outcome: Outcome, counts: Counts) -> None:
        """Count what was committed, and log what became of each event and its request."""
        if self._notify is not None and outcome.counts.applied:
            self._notify(partition, reached)
        counts.add(outcome.counts)
        count_events(outcome.counts)
        # A canary alone is not worth a line.
        if outcome.recorded or outcome.letters:
            _log.info("projection.committed", partition=partition, events=outcome.traces)
        for letter in outcome.poisoned:
            # Not the reason: a database's error may quote a value, and that may be a message.
            _log.error(
                "projection.parked",
                partition=partition,
                offset=str(letter.offset),
                event_id=str(letter.event_id),
            )
