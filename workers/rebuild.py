"""Rebuilds the read model beside the live one, compares the two, and swaps them.

Live projection goes on meanwhile. The next read model is folded from the log by the projections
that fill the live one, in steps that remember how far they came, so that it can be stopped at any
moment. For the swap projection is held for some milliseconds; commands and queries never wait.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, text

from runtime.clock import Clock
from runtime.errors import MessagingError
from runtime.ids import Partition
from workers import comparing, folds, selecting, spares
from workers.alone import Engines, alone
from workers.building import Builder
from workers.comparing import Compared
from workers.pace import Pace
from workers.spares import NEXT, OLD

_AS_OPERATOR = text("SET LOCAL ROLE NONE")
_AS_WORKER = text("SET LOCAL ROLE worker")
_MAKE = text("SELECT event_log.make_next_read_model()")
_COMPLETE = text("SELECT event_log.complete_next_read_model()")
_SWAP = text("SELECT event_log.swap_read_model(:incoming)")
_DROP = text("SELECT event_log.drop_read_model(:doomed)")
_SNAPSHOT = text("SELECT 1")
_LOGGED = text(
    """
    SELECT count(*) FROM event_log.event AS e
    LEFT JOIN event_log.fold AS f ON f.partition = e.partition AND f.read_model = :read_model
    WHERE e.outcome = 'applied' AND (f."offset" IS NULL OR e."offset" > f."offset")
    """
)
# A statement that found its tables just before they changed names has begun to read by then.
_GRACE_S = 0.05


class NotOpenError(MessagingError):
    """There is no event queue yet, so there is nothing to rebuild: start a worker first."""


class OtherFormError(MessagingError):
    """A read model has another form than the live one: a migration came in between."""


class NothingKeptError(MessagingError):
    """No read model is kept to go back to."""


@dataclass(frozen=True, kw_only=True)
class Swapped:
    """How long a swap took.

    Attributes:
        swap_ms: From when the partitions were held until the names had changed.
        held_ms: How long projection waited in all.
    """

    swap_ms: float
    held_ms: float


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What a rebuild or a rollback did.

    Attributes:
        resumed: Whether it went on with one that had been stopped.
        events: How many events it folded.
        seconds: How long that took, until all was compared.
        compared: Where the live read model differed.
        swapped: How long the swap took; None where it was left out.
    """

    resumed: bool
    events: int
    seconds: float
    compared: Compared
    swapped: Swapped | None


def left_to_fold(connection: Connection, spare: str = NEXT) -> int:
    """Return how many events a rebuild has to fold, less those that are folded already."""
    return int(connection.execute(_LOGGED, {"read_model": spare}).scalar_one())


def discard(engines: Engines) -> set[str]:
    """Drop the read models that are not live; return their names."""
    with alone(engines.operator), engines.operator.begin() as transaction:
        found = spares.existing(transaction)
        for doomed in sorted(found):
            transaction.execute(_DROP, {"doomed": doomed})
    return found


class Rebuild:
    """One rebuild, or the rollback of one."""

    def __init__(
        self,
        engines: Engines,
        *,
        pace: Pace,
        clock: Clock,
        jobs: int = 2,
        batch_size: int = 1_000,
    ) -> None:
        """Prepare; nothing is done yet.

        Args:
            engines: The primary.
            pace: How fast; it also stops the work.
            clock: The present time.
            jobs: Partitions at most that are folded at once.
            batch_size: Events at most in one transaction.
        """
        self._engines = engines
        self._pace = pace
        self._clock = clock
        self._jobs = jobs
        self._batch_size = batch_size

    def run(self, *, restart: bool = False, swap: bool = True) -> Rebuilt:
        """Make the next read model, or go on making it, and swap it with the live one.

        Args:
            restart: Do not go on with what is there, begin again.
            swap: Else leave it beside the live one; the next run goes on from there.

        Raises:
            AnotherIsRunningError: Another is at it.
            InterruptedWorkError: It was stopped; run it again to go on.
            OtherFormError: What is there was begun before a migration.
        """
        with alone(self._engines.operator):
            resumed = self._begin(restart=restart)
            return self._finish(NEXT, resumed=resumed, swap=swap)

    def roll_back(self) -> Rebuilt:
        """Bring the old read model up to date and swap it with the live one.

        Raises:
            NothingKeptError: There is none.
            OtherFormError: It is from before a migration.
            InterruptedWorkError: It was stopped; run it again to go on.
        """
        with alone(self._engines.operator):
            with self._engines.operator.connect() as connection:
                if OLD not in spares.existing(connection):
                    raise NothingKeptError
                if not spares.has_form_of_live(connection, OLD, indexes=True):
                    raise OtherFormError
            return self._finish(OLD, resumed=False, swap=True)

    def _begin(self, *, restart: bool) -> bool:
        """Return whether there was one to go on with."""
        with self._engines.operator.begin() as transaction:
            count = selecting.partitions(transaction)
            if not count:
                raise NotOpenError
            there = NEXT in spares.existing(transaction)
            if there and restart:
                transaction.execute(_DROP, {"doomed": NEXT})
            elif there:
                if not spares.has_form_of_live(transaction, NEXT, indexes=False):
                    raise OtherFormError(
                        "read_model_next was begun before a migration: run with --restart."
                    )
                return True
            self._pace.viewer.step("Making the next read model")
            transaction.execute(_MAKE)
            transaction.execute(_AS_WORKER)
            partitions = [Partition(number) for number in range(count)]
            folds.begin(transaction, NEXT, partitions, now=self._clock())
        return False

    def _finish(self, spare: str, *, resumed: bool, swap: bool) -> Rebuilt:
        begun = time.monotonic()
        builder = Builder(
            self._engines,
            spare,
            pace=self._pace,
            jobs=self._jobs,
            batch_size=self._batch_size,
        )
        self._pace.viewer.step("Folding the log")
        with self._engines.operator.connect() as connection:
            self._pace.viewer.expect(left_to_fold(connection, spare))
        events = builder.fold_all()
        if spare == NEXT:
            self._pace.viewer.step("Making indexes and statistics")
            with self._engines.operator.begin() as transaction:
                transaction.execute(_COMPLETE)
        self._pace.viewer.step("Catching up")
        builder.chase()
        self._pace.viewer.step("Comparing")
        compared = self._compare(builder, spare)
        seconds = time.monotonic() - begun
        swapped = self._swap(builder, spare) if swap else None
        return Rebuilt(
            resumed=resumed, events=events, seconds=seconds, compared=compared, swapped=swapped
        )

    def _compare(self, builder: Builder, spare: str) -> Compared:
        with self._engines.operator.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            with builder.held():
                with self._engines.worker.begin() as transaction:
                    builder.settle(transaction)
                    folds.note_settled(transaction, spare, now=self._clock())
                # Both read models stand at the same events now, and so they stay in this snapshot.
                connection.execute(_SNAPSHOT)
            return comparing.compare(connection, spare, self._pace)

    def _swap(self, builder: Builder, spare: str) -> Swapped:
        self._pace.viewer.step("Swapping")
        if spare == NEXT:
            with self._engines.operator.begin() as transaction:
                transaction.execute(_DROP, {"doomed": OLD})
        builder.chase()
        # Connected before, for this takes longer than all that is done while projection waits.
        with self._engines.worker.connect() as connection, builder.held() as since:
            with connection.begin():
                builder.settle(connection)
                folds.forget(connection, spare, OLD)
                folds.begin_at_checkpoints(connection, OLD, now=self._clock())
                connection.execute(_AS_OPERATOR)
                connection.execute(_SWAP, {"incoming": spare})
            swapped = time.monotonic()
            time.sleep(_GRACE_S)
        return Swapped(swap_ms=(swapped - since) * 1000, held_ms=(time.monotonic() - since) * 1000)
