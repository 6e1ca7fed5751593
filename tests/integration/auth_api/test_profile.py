"""What accounts and sessions cost: writes are explained and never repeated, secrets never shown."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from runtime.settings import DatabaseSettings, RedisSettings, Secret
from tests.integration.auth_api.conftest import PASSWORD, Auth, MakeAuth, refresh
from tests.profiled import PROFILE, cost, slow_statements
from tests.servers import Servers
from web.app import ApiSettings


def profiled(make_auth: MakeAuth, servers: Servers) -> Auth:
    """Return an auth API that tells its cost; make it where its log is caught."""
    secret = Secret("-")
    url = servers.database_url("auth_api")
    return make_auth(
        api=ApiSettings(
            service="auth_api",
            log_level="INFO",
            public_url="http://127.0.0.1:8080",
            title="Auth",
            profile=PROFILE,
        ),
        database=DatabaseSettings(url=url, password=secret, profile=PROFILE),
        redis=RedisSettings(url=servers.redis_url(), password=secret, profile=PROFILE),
    )


def test_writes_are_explained_and_done_once(
    make_auth: MakeAuth, servers: Servers, superuser: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    auth = profiled(make_auth, servers)
    capfd.readouterr()
    answer = auth.register()
    assert answer.status_code == 201
    assert cost(answer.headers).statements > 0
    lines = slow_statements(capfd)
    inserts = [line for line in lines if line["statement"].lstrip().startswith("INSERT")]
    assert inserts
    assert all("Insert on account" in repr(line["plan"]) for line in inserts)
    with superuser.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM identity.account")) == 1


def test_a_statement_that_fails_is_explained_after_its_transaction(
    make_auth: MakeAuth, servers: Servers, capfd: pytest.CaptureFixture[str]
) -> None:
    auth = profiled(make_auth, servers)
    auth.register()
    capfd.readouterr()
    again = auth.register()
    assert again.status_code == 409
    assert cost(again.headers).statements > 0
    lines = slow_statements(capfd)
    assert any("Insert on account" in repr(line["plan"]) for line in lines)
    assert auth.login().status_code == 200


def test_no_log_line_holds_what_a_statement_was_given(
    make_auth: MakeAuth, servers: Servers, superuser: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    auth = profiled(make_auth, servers)
    capfd.readouterr()
    account = auth.register("mallory").get_json()
    client, header = auth.logged_in("mallory")
    assert refresh(client).status_code == 200
    client.get("/auth/v1/sessions", headers=header)
    body = {"current_password": PASSWORD, "new_password": "another horse"}
    client.post("/auth/v1/password", json=body, headers=header)
    client.delete("/auth/v1/me", json={"password": "another horse"}, headers=header)
    lines = slow_statements(capfd)
    assert len(lines) > 10
    told = repr([(line["statement"], line["plan"], line["no_plan"]) for line in lines])
    for value in ("mallory", account["id"], "$argon2", PASSWORD, "another horse"):
        assert value not in told
    planless = [line["statement"] for line in lines if not line["plan"]]
    # What SQLAlchemy asks of a new connection is not ours.
    assert [one for one in planless if "identity." in one] == []
