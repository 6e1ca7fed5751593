"""What the tasks of a worker process share, made when a task first needs it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import Engine

from database.engines import create_engine_for
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.redis_client import connect
from runtime.settings import (
    CanarySettings,
    DatabaseSettings,
    QueueSettings,
    Reader,
    RedisSettings,
    read_access_lifetime,
)
from workers.notifier import Notifier
from workers.poison_limit import FaultSettings
from workers.projector import Projector
from workers.revocations import EndedSessions

# Transactions at once in one worker process; its other threads wait for entries, not for these.
_POOL_SIZE = 4


@dataclass(frozen=True, kw_only=True)
class Connections:
    """The primary through PGPool as the worker's role, the event queue, and who joins them."""

    engine: Engine
    queue: EventQueue
    projector: Projector
    ended_sessions: EndedSessions


class WorkerContext:
    """The environment of a worker process, and the connections made from it, once.

    Beat and Flower load the same application without the worker's secrets: these are read only
    when a task needs them.
    """

    def __init__(self, reader: Reader, queue: QueueSettings, *, clock: Clock) -> None:
        """Read from `reader` later; connect to nothing now."""
        self.queue_settings = queue
        self._faults = FaultSettings.read(reader)
        self.canary_settings = CanarySettings.read(reader)
        self.clock = clock
        self._reader = reader
        self._lock = threading.Lock()
        self._made: Connections | None = None

    @property
    def connections(self) -> Connections:
        """The connections; raises QueueUnavailableError while Redis is away at the first use."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> Connections:
        database = DatabaseSettings.read(self._reader)
        engine = create_engine_for(database, application_name="api-write", pool_size=_POOL_SIZE)
        redis = connect(RedisSettings.read(self._reader))
        queue = EventQueue(redis, self.queue_settings)
        # A newer version's function, also where the queue is open since long.
        queue.load_function()
        batch_size = self.queue_settings.batch_size
        projector = Projector(
            queue,
            engine,
            batch_size=batch_size,
            clock=self.clock,
            notify=Notifier(redis).applied,
            faults=self._faults,
        )
        ended_sessions = EndedSessions(
            redis, engine, access_lifetime=read_access_lifetime(self._reader), clock=self.clock
        )
        return Connections(
            engine=engine, queue=queue, projector=projector, ended_sessions=ended_sessions
        )
