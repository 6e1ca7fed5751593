"""Looks at the segments of the events' way that only workers can see: queue and primary."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from events import canaries, checkpoints, dead_letters, holds, pauses
from events.checkpoints import Checkpoint
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.exposition import Look, Sample
from runtime.ids import Partition
from runtime.logging import get_logger
from runtime.metric_names import PAUSE_CAUSES
from workers.context import WorkerContext

_log = get_logger(__name__)


class Segments:
    """Looks when asked; what it last knew of the checkpoints outlives an outage of the primary."""

    def __init__(self, queue: EventQueue, engine: Engine, *, clock: Clock) -> None:
        """Look at `queue` and at the primary behind `engine`."""
        self._queue = queue
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Sequence[Checkpoint] = ()

    def waiting(self) -> Iterator[Sample]:
        """Return what waits in each partition, and for how long.

        Raises:
            QueueUnavailableError: Redis is away.
        """
        known = self._checkpoints()
        heads = self._queue.numbers()
        now_ms = self._queue.now_ms()
        for checkpoint in known:
            labels = (str(checkpoint.partition),)
            waiting = max(0, heads[checkpoint.partition] - checkpoint.number)
            age = self._age_ms(checkpoint, now_ms) / 1000 if waiting else 0.0
            yield Sample("messaging_queue_waiting_events", waiting, labels)
            yield Sample("messaging_queue_oldest_waiting_seconds", age, labels)

    def memory(self) -> Iterator[Sample]:
        """Return how much of its memory Redis uses; raises QueueUnavailableError."""
        yield Sample("messaging_queue_memory_ratio", self._queue.memory_share())

    def primary(self) -> Iterator[Sample]:
        """Return what the primary knows of each partition.

        Raises:
            sqlalchemy.exc.DBAPIError: The primary is away.
        """
        now = self._clock()
        with self._engine.connect() as connection:
            known = checkpoints.read_all(connection)
            parked = dead_letters.count_parked(connection)
            paused = {pause.partition: pause.by for pause in pauses.paused(connection)}
            held = {hold.partition for hold in holds.held(connection)}
            sent = canaries.last_sent(connection)
        for checkpoint in known:
            partition = checkpoint.partition
            label = str(partition)
            yield Sample("messaging_checkpoint_events", checkpoint.number, (label, "primary"))
            yield Sample("messaging_parked_events", parked.get(partition, 0), (label,))
            yield Sample("messaging_held_partitions", partition in held, (label,))
            for cause in PAUSE_CAUSES:
                by_it = paused.get(partition) == cause
                yield Sample("messaging_paused_partitions", by_it, (label, cause))
            if partition in sent:
                age = max(0.0, (now - sent[Partition(partition)]).total_seconds())
                yield Sample("messaging_canary_age_seconds", age, (label, "primary"))

    def _checkpoints(self) -> Sequence[Checkpoint]:
        try:
            with self._engine.connect() as connection:
                known = checkpoints.read_all(connection)
        except SQLAlchemyError as error:
            # While the primary is away nothing moves them, and just then the queue grows.
            _log.info("metrics.checkpoints_from_memory", cause=repr(error))
            with self._lock:
                return self._known
        with self._lock:
            self._known = known
        return known

    def _age_ms(self, checkpoint: Checkpoint, now_ms: int) -> int:
        first = self._queue.read(checkpoint.partition, after=checkpoint.offset, limit=1)
        return max(0, now_ms - first[0].offset.ms) if first else 0


def looks(context: WorkerContext) -> dict[str, Look]:
    """Return what a worker's metrics look at; it connects when first asked."""

    def segments() -> Segments:
        with made_once:
            if not made:
                connections = context.connections
                made.append(Segments(connections.queue, connections.engine, clock=context.clock))
            return made[0]

    made: list[Segments] = []
    made_once = threading.Lock()
    return {
        "waiting": lambda: segments().waiting(),
        "memory": lambda: segments().memory(),
        "primary": lambda: segments().primary(),
    }
