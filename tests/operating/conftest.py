"""Fixtures: a stack as far as `messaging events` sees it, on bare servers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from cli.main import messaging
from events.opening import ensure_open
from events.queue import EventQueue
from local_stack import templates
from local_stack.record import Record
from local_stack.state import State
from runtime.clock import utc_now
from runtime.ids import Partition
from runtime.redis_client import connect
from runtime.settings import RedisSettings, Secret
from tests.projector.conftest import (  # noqa: F401  # fixtures
    SETTINGS,
    Harness,
    engine,
    engine_of,
    harness,
    queue,
    servers,
    superuser,
)
from tests.projector.test_projector import Pair
from tests.servers import Servers, running

TABLES = (
    "event_log.event",
    "event_log.dead_letter",
    "event_log.deleted_account",
    "read_model.conversation",
    "read_model.conversation_member",
    "read_model.message",
    "read_model.account_revision",
)
PROGRESS = (
    "event_log.checkpoint",
    "event_log.canary",
    "event_log.queue_epoch",
    "event_log.queued_erasure",
    "identity.account",
)


@pytest.fixture
def pair(harness: Harness) -> Pair:  # noqa: F811  # the fixture
    return Pair(harness)


@pytest.fixture
def stack_of_servers(
    harness: Harness,  # noqa: F811  # the fixture
    servers: Servers,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> State:
    state = state_of(servers, tmp_path / "stack")
    monkeypatch.setenv("MESSAGING_STATE", str(tmp_path / "stack"))
    return state


def state_of(servers: Servers, folder: Path) -> State:  # noqa: F811
    """Make the record of a stack, and let its Redis know the operator as the real one does."""
    record = Record.new(uid=os.geteuid(), event_partitions=SETTINGS.partitions)
    ports = {"primary": servers.postgres_port, "redis": servers.valkey_port}
    folder.mkdir(mode=0o700)
    state = State(folder, record)
    state.save(replace(record, ports=ports))
    state.credentials.make()
    know_operator(servers)
    return state


def know_operator(servers: Servers) -> None:  # noqa: F811
    acl = (Path(templates.__file__).parents[1] / "ops/redis/users.acl").read_text()
    [line] = [line for line in acl.splitlines() if line.startswith("user operator ")]
    rights = [word for word in words_of(line)[2:] if not word.startswith("#")]
    with redis.Redis(port=servers.valkey_port) as client:
        client.execute_command("ACL", "SETUSER", "operator", "reset", "nopass", *rights)


def words_of(line: str) -> list[str]:
    """Split a line of an ACL file; what stands in parentheses is one word."""
    words: list[str] = []
    depth = 0
    for word in line.split():
        if depth:
            words[-1] += f" {word}"
        else:
            words.append(word)
        depth += word.count("(") - word.count(")")
    return words


@pytest.fixture(scope="session")
def other_servers() -> Iterator[Servers]:
    with running() as started:
        yield started


@pytest.fixture
def empty(
    other_servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Harness]:
    """Another stack, without a single event; `messaging` speaks to it from now on."""
    clear(other_servers)
    state_of(other_servers, tmp_path / "empty")
    worker = engine_of(other_servers, "worker")
    client = connect(RedisSettings(url=other_servers.redis_url(), password=Secret("-")))
    opened = EventQueue(client, SETTINGS)
    ensure_open(opened, worker, clock=utc_now)
    monkeypatch.setenv("MESSAGING_STATE", str(tmp_path / "empty"))
    yield Harness(queue=opened, engine=worker)
    worker.dispose()
    client.connection_pool.disconnect()


def clear(others: Servers) -> None:
    owner = engine_of(others, "postgres")
    with owner.begin() as connection:
        for table in (*TABLES, *PROGRESS):
            connection.execute(text(f"TRUNCATE {table} CASCADE"))
    owner.dispose()
    client = connect(RedisSettings(url=others.redis_url(), password=Secret("-")))
    client.flushall()
    client.connection_pool.disconnect()


def events(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(messaging, ["events", *arguments], input=stdin)


def told(*arguments: str, code: int = 0) -> Any:
    """Return what `--json` prints."""
    result = events(*arguments, "--json")
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout)


def row_of(partition: Partition) -> dict[str, Any]:
    rows: list[dict[str, Any]] = told("queues")["partitions"]
    return rows[partition]


__all__ = ["Engine", "Harness", "Pair", "events", "told"]
