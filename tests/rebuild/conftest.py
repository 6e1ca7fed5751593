"""Fixtures: the projector's, and an operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from database.engines import create_engine_for
from runtime.settings import DatabaseSettings, Secret
from tests.projector.conftest import Harness, engine, harness, queue, servers
from tests.projector.test_model import Scenario
from tests.rebuild.histories import forget_all, play
from tests.servers import Servers
from workers.alone import Engines

__all__ = ["engine", "harness", "queue", "servers"]


def engines_of(servers: Servers) -> Engines:
    """Connect as `messaging events` does."""
    settings = DatabaseSettings(url=servers.database_url("operator"), password=Secret("-"))
    return Engines(
        operator=create_engine_for(settings, application_name="api-write", pool_size=5),
        worker=create_engine_for(
            settings, application_name="api-write", pool_size=5, as_role="worker"
        ),
    )


@pytest.fixture(scope="session")
def engines(servers: Servers) -> Iterator[Engines]:
    made = engines_of(servers)
    yield made
    made.operator.dispose()
    made.worker.dispose()


@pytest.fixture
def superuser(servers: Servers) -> Iterator[Engine]:
    made = create_engine(servers.database_url("postgres"), poolclass=NullPool)
    yield made
    with made.begin() as transaction:
        transaction.execute(text("DELETE FROM identity.account"))
    made.dispose()


@pytest.fixture
def scenario(servers: Servers, harness: Harness) -> Scenario:
    """What `HISTORY` tells, and nothing else."""
    forget_all(servers)
    return play(harness)
