"""Fixtures: Postgres and Valkey alone, the event queue opened, a few accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from redis import Redis
from sqlalchemy import Engine, NullPool, create_engine, text

from events.queue import EventQueue
from runtime.ids import AccountId, Epoch, new_id
from runtime.redis_client import connect
from runtime.settings import QueueSettings, RedisSettings, Secret
from tests.command_harness import Commands, commands_of
from tests.servers import Servers, running

QUEUE = QueueSettings(
    partitions=4, limit=1_000, retention_seconds=60, batch_size=100, bell_ttl_seconds=5
)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def superuser(servers: Servers) -> Engine:
    return create_engine(servers.database_url("postgres"), poolclass=NullPool)


@contextmanager
def postgres_away(superuser: Engine) -> Iterator[None]:
    """Shut the role out and end its connections."""

    def run(*statements: str) -> None:
        with superuser.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    run(
        "ALTER ROLE command_api NOLOGIN",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'command_api'",
    )
    try:
        yield
    finally:
        run("ALTER ROLE command_api LOGIN")


@pytest.fixture
def redis(servers: Servers) -> Iterator[Redis]:
    settings = RedisSettings(url=servers.redis_url(), password=Secret("-"))
    client = connect(settings)
    client.flushall()
    yield client
    client.config_set("maxmemory", 0)
    client.close()


@pytest.fixture
def queue(redis: Redis) -> EventQueue:
    opened = EventQueue(redis, QUEUE)
    opened.open(Epoch(1))
    return opened


@dataclass(frozen=True, kw_only=True)
class People:
    """Accounts by username; `register` makes one more."""

    alice: AccountId
    bob: AccountId
    register: Callable[[str], AccountId]


@pytest.fixture
def people(superuser: Engine) -> Iterator[People]:
    def register(username: str) -> AccountId:
        account = AccountId(new_id())
        row = {"id": account, "name": username}
        with superuser.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO identity.account"
                    " (id, username, email, email_key, password_hash, created_at)"
                    " VALUES (:id, :name, :name, :name, '-', now())"
                ),
                row,
            )
        return account

    yield People(alice=register("alice"), bob=register("bob"), register=register)
    with superuser.begin() as connection:
        connection.execute(text("DELETE FROM identity.account"))


@pytest.fixture
def alice(servers: Servers, queue: EventQueue, people: People) -> Commands:
    return commands_of(people.alice, servers, QUEUE)
