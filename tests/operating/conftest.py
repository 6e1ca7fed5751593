"""Fixtures: a stack as far as `messaging events` sees it, on bare servers."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from cli.main import messaging
from local_stack import templates
from local_stack.record import Record
from local_stack.state import State
from runtime.ids import Partition
from tests.projector.conftest import (  # noqa: F401  # fixtures
    SETTINGS,
    Harness,
    engine,
    harness,
    queue,
    servers,
    superuser,
)
from tests.projector.test_projector import Pair
from tests.servers import Servers


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
