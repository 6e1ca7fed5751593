"""Fixtures: Postgres and Valkey alone, the query API, and people whose events are applied."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, create_engine

from runtime.revocations import COMPLETE_KEY
from tests import bare
from tests.query_harness import Queries, World, app_for
from tests.servers import Servers

Register = Callable[[str], Queries]


servers = bare.servers
superuser = bare.superuser


@pytest.fixture(scope="session")
def world(servers: Servers, superuser: Engine) -> Iterator[World]:
    worker = create_engine(servers.database_url("worker"), pool_size=2)
    yield World(worker, superuser)
    worker.dispose()


@pytest.fixture(scope="session")
def app(servers: Servers) -> Flask:
    with Redis(port=servers.valkey_port) as redis:
        redis.set(COMPLETE_KEY, 1)
    return app_for(servers)


@pytest.fixture
def register(app: Flask, world: World) -> Register:
    def one(name: str) -> Queries:
        username = f"{name}-{secrets.token_hex(4)}"
        return Queries(app=app, account=world.register(username), username=username)

    return one


@pytest.fixture
def alice(register: Register) -> Queries:
    return register("alice")


@pytest.fixture
def bob(register: Register) -> Queries:
    return register("bob")


@pytest.fixture
def eve(register: Register) -> Queries:
    """Somebody who has no part in any conversation."""
    return register("eve")
