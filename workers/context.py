"""What the tasks of a worker process share, made when a task first needs it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Engine

from database.engines import create_engine_for
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.redis_client import connect
from runtime.settings import Reader
from workers.notifier import Notifier
from workers.projector import Projector
from workers.revocations import EndedSessions
from workers.settings import WorkerSettings

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
    in a worker.
    """

    def __init__(self, reader: Reader, *, clock: Clock) -> None:
        """Read from `reader` later; connect to nothing now."""
        self.clock = clock
        self._reader = reader
        self._lock = threading.Lock()
        self._made: Connections | None = None

    @cached_property
    def settings(self) -> WorkerSettings:
        """The worker's settings, read at the first use; raises SettingsError."""
        return WorkerSettings.read(self._reader)

    @property
    def connections(self) -> Connections:
        """The connections; raises QueueUnavailableError while Redis is away at the first use."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> Connections:
        settings = self.settings
        engine = create_engine_for(
            settings.database, application_name="api-write", pool_size=_POOL_SIZE
        )
        redis = connect(settings.redis)
        queue = EventQueue(redis, settings.queue)
        # A newer version's function, also where the queue is open since long.
        queue.load_function()
        projector = Projector(
            queue,
            engine,
            batch_size=settings.batch_size,
            clock=self.clock,
            notify=Notifier(redis).applied,
            faults=settings.faults,
        )
        ended_sessions = EndedSessions(
            redis, engine, access_lifetime=settings.access_lifetime, clock=self.clock
        )
        return Connections(
            engine=engine, queue=queue, projector=projector, ended_sessions=ended_sessions
        )
