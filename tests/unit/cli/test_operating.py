"""What `messaging` operates where there is no stack; the acceptance tests have the rest."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import messaging
from local_stack import operating
from local_stack.credentials import read
from local_stack.errors import StackError
from local_stack.record import Record
from local_stack.state import State
from runtime.redis_address import RedisAddress


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys", "rotate"],
        ["accounts", "delete", "alice", "--yes"],
        ["stack", "show"],
        ["stack", "promote", "--yes"],
        ["stack", "rejoin", "--yes"],
        ["stack", "restart"],
        ["events", "repartition", "32", "--yes"],
    ],
    ids=" ".join,
)
def test_without_a_stack_there_is_nothing_to_operate(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGING_STATE", str(tmp_path / "none"))
    result = CliRunner().invoke(messaging, arguments)
    assert isinstance(result.exception, StackError)
    assert "run up first" in str(result.exception)
    assert not (tmp_path / "none").exists()


def test_a_stack_of_before_is_told_to_start_anew(tmp_path: Path) -> None:
    """Its Redis has no operator yet: `up` makes the secret and starts Redis with it."""
    record = replace(Record.new(uid=os.geteuid(), event_partitions=16), ports={"redis": 1})
    with pytest.raises(StackError, match="run down and up first"):
        operating.redis(State(tmp_path, record))


@pytest.mark.parametrize(("pgpool", "port"), [("/usr/sbin/pgpool", 2), ("", 1)])
def test_an_operator_reaches_the_primary(tmp_path: Path, pgpool: str, port: int) -> None:
    record = Record.new(uid=os.geteuid(), event_partitions=16)
    record = replace(record, ports={"primary": 1, "pgpool": 2, "redis": 3}, pgpool=pgpool)
    state = State(tmp_path, record)
    state.credentials.make()
    settings = operating.database(state)
    assert settings.url == f"postgresql+psycopg2://operator@127.0.0.1:{port}/messaging"
    assert settings.password.reveal() == read(state.credentials.database("operator"))
    assert operating.redis(state).url == "redis://operator@127.0.0.1:3/0"


def test_in_a_container_the_servers_are_elsewhere() -> None:
    state = operating.existing(
        {
            "MESSAGING_OPERATOR_PGPOOL": "pgpool:5432",
            "MESSAGING_OPERATOR_REDIS": "redis:6379",
            "MESSAGING_EVENT_PARTITIONS": "4",
        }
    )
    assert state.record.event_partitions == 4
    assert (state.address("pgpool"), state.address("redis")) == ("pgpool:5432", "redis:6379")
    assert state.credentials.database("operator") == Path("/run/secrets/postgres-operator")
    assert state.credentials.redis("operator") == Path("/run/secrets/redis-operator")


def test_an_operator_is_sent_to_the_hosts_of_the_servers(tmp_path: Path) -> None:
    record = replace(
        Record.new(uid=os.geteuid(), event_partitions=16), ports={"primary": 1, "redis": 2}
    )
    state = State(tmp_path, record, hosts={"primary": "one", "redis": "two"})
    state.credentials.make()
    assert operating.database(state).url == "postgresql+psycopg2://operator@one:1/messaging"
    assert operating.redis(state).url == "redis://operator@two:2/0"


def test_an_operator_verifies_servers_that_speak_tls() -> None:
    state = operating.existing(
        {
            "MESSAGING_OPERATOR_PGPOOL": "pgpool:5432",
            "MESSAGING_OPERATOR_REDIS": "redis:6379",
            "MESSAGING_OPERATOR_CA": "/run/secrets/internal-ca",
        }
    )
    assert state.authorities == Path("/run/secrets/internal-ca")


def test_what_an_operator_verifies_is_in_the_addresses(tmp_path: Path) -> None:
    record = replace(
        Record.new(uid=os.geteuid(), event_partitions=16), ports={"primary": 1, "redis": 2}
    )
    state = State(tmp_path, record, authorities=Path("/run/a ca"))
    state.credentials.make()
    assert operating.database(state).url.endswith(
        ":1/messaging?sslmode=verify-full&sslrootcert=/run/a%20ca"
    )
    address = RedisAddress.parse(operating.redis(state).url)
    assert (address.tls, address.authorities, address.port) == (True, "/run/a ca", 2)


def test_half_an_address_is_refused() -> None:
    with pytest.raises(StackError, match="MESSAGING_OPERATOR_REDIS"):
        operating.existing({"MESSAGING_OPERATOR_PGPOOL": "pgpool:5432"})
