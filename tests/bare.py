"""Fixtures on bare servers: a room's conftest takes those that it needs by assigning them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis
from sqlalchemy import Engine, NullPool, create_engine, text

from runtime.redis_client import connect
from runtime.revocations import COMPLETE_KEY
from runtime.settings import RedisSettings, Secret
from tests.servers import Servers, running


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Servers of the room alone: what its tests leave behind concerns no other room's."""
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def superuser(servers: Servers) -> Engine:
    return create_engine(servers.database_url("postgres"), poolclass=NullPool)


@pytest.fixture
def redis(servers: Servers) -> Iterator[Redis]:
    """An empty Redis that has been told of every session that ended."""
    client = connect(RedisSettings(url=servers.redis_url(), password=Secret("-")))
    client.flushall()
    client.set(COMPLETE_KEY, 1)
    yield client
    client.config_set("maxmemory", 0)
    client.close()
    client.connection_pool.disconnect()


@contextmanager
def shut_out(superuser: Engine, role: str) -> Iterator[None]:
    """Let Postgres be away for `role`: it may not connect, and its connections end."""

    def run(*statements: str) -> None:
        with superuser.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    run(
        f"ALTER ROLE {role} NOLOGIN",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'",
    )
    try:
        yield
    finally:
        run(f"ALTER ROLE {role} LOGIN")
