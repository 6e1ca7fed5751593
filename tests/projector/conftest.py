"""Fixtures: bare servers, an opened queue, a projector; all of them real."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from database.engines import create_engine_for
from events.append import Intake, RateLimit
from events.contracts.base import Event
from events.contracts.envelope import Envelope
from events.opening import ensure_open
from events.queue import EventQueue
from runtime.clock import utc_now
from runtime.ids import AccountId, EventId, Partition, new_id
from runtime.redis_client import connect
from runtime.settings import DatabaseSettings, QueueSettings, RedisSettings, Secret
from tests.servers import Servers, running
from workers.drained import Drained
from workers.poison_limit import FaultSettings
from workers.projector import Projector

SETTINGS = QueueSettings(partitions=4, limit=100_000, bell_ttl_seconds=5)
# The tests of one session share their partitions, and some set out much poison.
NO_LIMIT = FaultSettings(share=100)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with running() as started:
        yield started


def engine_of(servers: Servers, role: str) -> Engine:
    settings = DatabaseSettings(url=servers.database_url(role), password=Secret("-"))
    return create_engine_for(settings, application_name="api-write", pool_size=4)


@pytest.fixture(scope="session")
def engine(servers: Servers) -> Iterator[Engine]:
    made = engine_of(servers, "worker")
    yield made
    made.dispose()


@pytest.fixture
def queue(servers: Servers, engine: Engine) -> Iterator[EventQueue]:
    settings = RedisSettings(url=servers.redis_url(), password=Secret("-"))
    client = connect(settings)
    opened = EventQueue(client, SETTINGS)
    ensure_open(opened, engine, clock=utc_now)
    yield opened
    client.connection_pool.disconnect()


@dataclass(frozen=True, kw_only=True)
class Harness:
    """Appends events and drains partitions, as the command API and the workers do."""

    queue: EventQueue
    engine: Engine

    def envelope(self, event: Event, actor: AccountId) -> Envelope:
        return Envelope(id=EventId(new_id()), event=event, actor_id=actor, occurred_at=utc_now())

    def append(self, *envelopes: Envelope) -> None:
        rate = RateLimit(per_second=1_000_000, burst=1_000_000)
        intake = Intake(account=envelopes[0].actor_id, rate=rate, receipt=b"-")
        self.queue.append(envelopes, intake)

    def projector(self, batch_size: int = 1_000, linger_ms: int = 0) -> Projector:
        return Projector(
            self.queue,
            self.engine,
            batch_size=batch_size,
            clock=utc_now,
            linger_ms=linger_ms,
            faults=NO_LIMIT,
        )

    def drain_all(self, batch_size: int = 1_000) -> list[Drained]:
        projector = self.projector(batch_size)
        return [projector.drain(Partition(p)) for p in self.queue.partitions]


@pytest.fixture
def harness(queue: EventQueue, engine: Engine) -> Harness:
    return Harness(queue=queue, engine=engine)


@pytest.fixture(scope="session")
def superuser(servers: Servers) -> Iterator[Engine]:
    made = engine_of(servers, "postgres")
    yield made
    made.dispose()
