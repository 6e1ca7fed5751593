"""`messaging accounts delete`: asks, does all or nothing, and says what it did."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from sqlalchemy import Engine

from cli.accounts import AccountUnknownError
from cli.main import messaging
from local_stack.record import Record
from local_stack.state import State
from runtime.errors import MessagingError, UnavailableError
from tests.integration.auth_api.conftest import Auth
from tests.integration.auth_api.test_deletions import rows
from tests.servers import Servers


@pytest.fixture
def stack_of_servers(
    servers: Servers, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[State]:
    """A stack as far as the command sees it, whose Redis knows the operator."""
    record = Record.new(uid=os.geteuid(), event_partitions=16)
    ports = {"primary": servers.postgres_port, "redis": servers.valkey_port}
    state = State(tmp_path, record)
    state.save(replace(record, ports=ports, settings={"MESSAGING_ACCESS_LIFETIME": "100"}))
    state.credentials.make()
    monkeypatch.setenv("MESSAGING_STATE", str(tmp_path))
    acl(redis, "SETUSER", "operator", "on", "nopass", "resetkeys", "~revoked:*", "+set")
    yield state
    acl(redis, "DELUSER", "operator")


def acl(redis: Redis, *words: str) -> None:
    redis.execute_command("ACL", *words)  # type: ignore[no-untyped-call]  # redis-py has no types here


def delete(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(messaging, ["accounts", "delete", *arguments], input=answer)


def erasures(superuser: Engine) -> list[UUID]:
    return [row.account_id for row in rows(superuser, "SELECT account_id FROM identity.erasure")]


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yes please\nno\n"])
def test_what_is_not_confirmed_is_not_done(
    auth: Auth, stack_of_servers: State, superuser: Engine, answer: str
) -> None:
    auth.register()
    result = delete("alice", answer=answer)
    assert result.exit_code == 1
    assert "Delete alice and all that they wrote, for ever?" in result.stderr
    assert result.stdout == ""
    assert erasures(superuser) == []
    assert auth.login().status_code == 200


def test_what_is_confirmed_is_done(auth: Auth, stack_of_servers: State, redis: Redis) -> None:
    auth.register()
    _, header = auth.logged_in()
    result = delete("alice", answer="y\n")
    assert (result.exit_code, result.exception) == (0, None)
    assert result.stdout == "Deleted alice; what they wrote is being erased.\n"
    assert auth.client().get("/auth/v1/me", headers=header).status_code == 401
    [key] = redis.keys("revoked:*-*")
    # As long as the stack's access tokens live, and what clocks may differ.
    assert 100 < redis.ttl(key) <= 160


def test_json_says_what_was_done(auth: Auth, stack_of_servers: State, superuser: Engine) -> None:
    account = auth.register().get_json()["id"]
    for _ in range(3):
        auth.logged_in()
    told = json.loads(delete("alice", "--yes", "--json").stdout)
    [owed] = rows(superuser, "SELECT * FROM identity.erasure")
    assert told == {
        "username": "alice",
        "account_id": account,
        "event_id": str(owed.event_id),
        "status": "accepted",
        "accepted_at": owed.requested_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "sessions_ended": 3,
    }


def test_an_unknown_name_is_said_before_anything_is_asked(
    auth: Auth, stack_of_servers: State
) -> None:
    auth.register()
    assert delete("alice", "--yes").exit_code == 0
    for name in ("alice", "bob", "Alice"):
        result = delete(name)
        assert result.exit_code == 1
        assert isinstance(result.exception, AccountUnknownError)
        assert result.output == ""


def test_nothing_is_deleted_while_redis_cannot_be_told(
    auth: Auth, stack_of_servers: State, superuser: Engine, redis: Redis
) -> None:
    auth.register()
    _, header = auth.logged_in()
    acl(redis, "SETUSER", "operator", "off")
    result = delete("alice", "--yes")
    assert isinstance(result.exception, UnavailableError)
    assert erasures(superuser) == []
    assert auth.client().get("/auth/v1/me", headers=header).status_code == 200
    assert auth.login().status_code == 200


def test_a_database_that_is_away_is_one_line(
    auth: Auth, stack_of_servers: State, servers: Servers
) -> None:
    auth.register()
    record = stack_of_servers.record
    stack_of_servers.save(replace(record, ports={**record.ports, "primary": 9}))
    result = delete("alice", "--yes")
    assert isinstance(result.exception, MessagingError)
    assert str(result.exception).startswith("The database fails: ")
    assert "\n" not in str(result.exception)
    assert auth.login().status_code == 200
