"""What the tasks of a worker process share, made when first needed, so after Celery's fork."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Engine

from database.engines import create_engine_for
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.redis_client import connect
from runtime.settings import DatabaseSettings, QueueSettings, Reader, RedisSettings
from workers.projector import Projector

# Transactions at once in one worker process; its other threads wait for entries, not for these.
_POOL_SIZE = 4


@dataclass(kw_only=True)
class WorkerContext:
    """The environment of a worker process, and the connections made from it.

    Beat and Flower load the same application without the database's secret: it is read only
    when a task needs it.
    """

    reader: Reader
    queue_settings: QueueSettings
    clock: Clock

    @cached_property
    def engine(self) -> Engine:
        """The primary, through PGPool, as the worker's role."""
        return create_engine_for(
            DatabaseSettings.read(self.reader), application_name="api-write", pool_size=_POOL_SIZE
        )

    @cached_property
    def queue(self) -> EventQueue:
        """The event queue."""
        queue = EventQueue(connect(RedisSettings.read(self.reader)), self.queue_settings)
        # A newer version's function, also where the queue is open since long.
        queue.load_function()
        return queue

    @cached_property
    def projector(self) -> Projector:
        """The projector."""
        return Projector(
            self.queue, self.engine, batch_size=self.queue_settings.batch_size, clock=self.clock
        )
