"""What the log says of logins, passwords and sessions: enough to follow an attack, no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auth_api.settings import FailureLimits
from tests.integration.auth_api.conftest import PASSWORD, MakeAuth, csrf, refresh

Lines = list[dict[str, Any]]


def logged(capfd: pytest.CaptureFixture[str]) -> Lines:
    """Return the lines of the log since it was last read, without those of single requests."""
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[:1] == "{"]
    return [line for line in lines if line["event"] != "request.served"]


def events(lines: Lines) -> list[str]:
    return [line["event"] for line in lines]


def test_logins_are_logged_whether_they_succeed_or_fail(
    make_auth: MakeAuth, capfd: pytest.CaptureFixture[str]
) -> None:
    auth = make_auth(failures=FailureLimits(account=1))
    account = auth.register().get_json()["id"]
    capfd.readouterr()
    auth.login()
    auth.login(password="wrong secret")
    auth.login()
    auth.login("nobody", "wrong secret")
    lines = logged(capfd)
    assert events(lines) == ["login.succeeded", "login.failed", "login.limited", "login.failed"]
    assert [line.get("account") for line in lines] == [account, account, None, None]
    for line in lines:
        assert line["timestamp"].endswith("Z")
        assert line["request_id"]
        assert line["service"] == "auth_api"
    assert "nobody" not in repr(lines)
    assert "wrong secret" not in repr(lines)


def test_changes_of_credentials_and_ends_of_sessions_are_logged(
    make_auth: MakeAuth, capfd: pytest.CaptureFixture[str]
) -> None:
    auth = make_auth()
    auth.register()
    client, header = auth.logged_in()
    capfd.readouterr()
    for current in ("wrong secret", PASSWORD):
        body = {"current_password": current, "new_password": "another horse"}
        client.post("/auth/v1/password", json=body, headers=header)
    assert events(logged(capfd)) == ["password.wrong", "password.changed"]
    client.delete("/auth/v1/me", json={"password": "another horse"}, headers=header)
    assert events(logged(capfd)) == ["session.ended", "account.deleted"]


def test_a_replay_is_logged_with_its_session(
    make_auth: MakeAuth, capfd: pytest.CaptureFixture[str]
) -> None:
    auth = make_auth()
    auth.register()
    client, header = auth.logged_in()
    session = client.get("/auth/v1/sessions", headers=header).get_json()["items"][0]["id"]
    old, token = client.get_cookie("refresh_token_cookie", path="/auth/v1"), csrf(client)
    assert refresh(client).status_code == 200
    services = auth.app.extensions["messaging-auth"]
    services.rotation._grace *= 0
    capfd.readouterr()
    assert old is not None
    client.set_cookie("refresh_token_cookie", old.value, path="/auth/v1")
    assert client.post("/auth/v1/token", headers=token).status_code == 401
    [replayed, ended] = logged(capfd)
    assert (replayed["event"], replayed["level"]) == ("session.replayed", "warning")
    assert replayed["session"] == ended["session"] == session


def test_what_a_client_sends_forges_no_line(
    make_auth: MakeAuth, capfd: pytest.CaptureFixture[str]
) -> None:
    auth = make_auth()
    capfd.readouterr()
    auth.client().post(
        '/auth/v1/"},{"event":"login.succeeded\n"}',
        json={"username": 'x\n{"event":"login.succeeded"}', "password": "x"},
        headers={"X-Request-ID": 'x"},{"event":"forged"'},
    )
    written = capfd.readouterr().err.splitlines()
    assert written
    assert {json.loads(line)["event"] for line in written} == {"request.served"}
