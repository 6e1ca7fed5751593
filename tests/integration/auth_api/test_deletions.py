"""Deleting one's account: what is gone at once, what is owed, what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from runtime.settings import RedisSettings, Secret
from tests.bare import shut_out
from tests.integration.auth_api.conftest import (
    PASSWORD,
    Auth,
    MakeAuth,
    bearer,
    refresh,
)


def delete(client: FlaskClient, header: dict[str, str], password: str = PASSWORD) -> TestResponse:
    return client.delete("/auth/v1/me", json={"password": password}, headers=header)


def rows(superuser: Engine, statement: str) -> list[Any]:
    with superuser.connect() as connection:
        return list(connection.execute(text(statement)))


def erase(superuser: Engine) -> None:
    """Do as the workers do once all partitions have applied every deletion."""
    with superuser.begin() as tx:
        tx.execute(
            text("INSERT INTO event_log.queue_epoch VALUES (1, 1, 2, now()) ON CONFLICT DO NOTHING")
        )
        tx.execute(
            text(
                "INSERT INTO event_log.deleted_account SELECT account_id, p, now()"
                " FROM identity.erasure, event_log.queue_epoch,"
                " generate_series(0, partitions - 1) AS p ON CONFLICT DO NOTHING"
            )
        )
        tx.execute(text("SELECT identity.forget_erased()"))


def test_a_deleted_account_is_gone_at_once(auth: Auth, make_auth: MakeAuth) -> None:
    registered = auth.register().get_json()
    client, header = auth.logged_in()
    other, other_header = auth.logged_in()
    answer = delete(client, header)
    assert answer.status_code == 202
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert set(body) == {"event_id", "status", "accepted_at"}
    assert body["status"] == "accepted"
    assert body["accepted_at"] > registered["created_at"]
    assert client.get_cookie("refresh_token_cookie", path="/auth/v1") is None
    for one in (auth, make_auth()):  # The process that remembers the token, and another.
        for mine in (header, other_header):
            assert one.client().get("/auth/v1/me", headers=mine).status_code == 401
            assert delete(one.client(), mine).status_code == 401
    # Unlike "session-revoked", which says that there is an account still.
    assert refresh(other).get_json()["type"] == "/problems/refresh-token-invalid"
    assert auth.login().status_code == 401


def test_what_is_owed_is_written_down_with_the_deletion(auth: Auth, superuser: Engine) -> None:
    account = auth.register().get_json()["id"]
    client, header = auth.logged_in()
    answer = client.delete(
        "/auth/v1/me", json={"password": PASSWORD}, headers={**header, "X-Request-ID": "mine"}
    )
    [owed] = rows(superuser, "SELECT * FROM identity.erasure")
    assert (owed.account_id, owed.request_id, owed.done_at) == (UUID(account), "mine", None)
    assert owed.event_id == UUID(answer.get_json()["event_id"])
    [kept] = rows(superuser, "SELECT * FROM identity.account")
    assert kept.deleted_at == owed.requested_at
    assert kept.password_hash == ""
    assert rows(superuser, "SELECT * FROM identity.directory") == []
    sessions = rows(superuser, "SELECT user_agent, address, ended_at FROM identity.session")
    assert [(s.user_agent, s.address, s.ended_at is None) for s in sessions] == [("", "", False)]


def test_the_names_are_free_once_all_is_erased_and_not_before(
    auth: Auth, superuser: Engine
) -> None:
    first = auth.register().get_json()["id"]
    delete(*auth.logged_in())
    taken = auth.register(email="other@example.org")
    assert taken.status_code == 409
    assert taken.get_json()["type"] == "/problems/username-taken"
    taken = auth.register("other", email="alice@example.org")
    assert taken.get_json()["type"] == "/problems/email-taken"
    erase(superuser)
    second = auth.register()
    assert second.status_code == 201
    assert second.get_json()["id"] != first
    assert auth.login().status_code == 200
    [forgotten] = rows(superuser, "SELECT * FROM identity.account WHERE deleted_at IS NOT NULL")
    assert (forgotten.username, forgotten.email, forgotten.email_key) == (None, None, None)


def test_several_deleted_accounts_can_be_forgotten(auth: Auth, superuser: Engine) -> None:
    for _ in range(3):
        assert auth.register().status_code == 201
        assert delete(*auth.logged_in()).status_code == 202
        erase(superuser)
    assert len(rows(superuser, "SELECT 1 FROM identity.account WHERE username IS NULL")) == 3


def test_who_does_not_know_the_password_cannot_delete(auth: Auth) -> None:
    auth.register()
    client, header = auth.logged_in()
    for _ in range(10):
        answer = delete(client, header, "wrong")
        assert answer.status_code == 403
        assert answer.get_json()["type"] == "/problems/password-wrong"
    answer = delete(client, header)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/auth/v1/me", headers=header).status_code == 200


@pytest.mark.parametrize("body", [{}, {"password": 1}, {"password": ""}, {"sure": True}])
def test_a_bad_body_is_named(auth: Auth, body: dict[str, Any]) -> None:
    auth.register()
    client, header = auth.logged_in()
    answer = client.delete("/auth/v1/me", json=body, headers=header)
    assert answer.status_code == 422
    assert answer.get_json()["type"] == "/problems/invalid-fields"
    assert client.delete("/auth/v1/me", headers=header).status_code == 400
    assert client.delete("/auth/v1/me", json=body).status_code == 401


def test_of_many_deletions_at_once_one_is_accepted(auth: Auth, superuser: Engine) -> None:
    auth.register()
    _, header = auth.logged_in()
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(delete, auth.client(), header) for _ in range(4)]
        answers = sorted(job.result().status_code for job in jobs)
    assert answers == [202, 401, 401, 401]
    assert len(rows(superuser, "SELECT 1 FROM identity.erasure")) == 1


def test_no_login_outlives_the_deletion(auth: Auth, superuser: Engine) -> None:
    auth.register()
    client, header = auth.logged_in()
    with ThreadPoolExecutor(6) as pool:
        logins = [pool.submit(auth.login) for _ in range(4)]
        deletion = pool.submit(delete, client, header)
        logins += [pool.submit(auth.login) for _ in range(8)]
        assert deletion.result().status_code == 202
        assert {login.result().status_code for login in logins} <= {200, 401}
    assert rows(superuser, "SELECT 1 FROM identity.session WHERE ended_at IS NULL") == []


def test_without_redis_nothing_is_deleted(make_auth: MakeAuth, superuser: Engine) -> None:
    auth = make_auth()
    auth.register()
    client, header = auth.logged_in()
    assert client.get("/auth/v1/me", headers=header).status_code == 200
    nobody_there = RedisSettings(url="redis://auth_api@127.0.0.1:1/0", password=Secret("-"))
    away = make_auth(redis=nobody_there).app.extensions["messaging-auth"].sessions._revocations
    auth.app.extensions["messaging-auth"].sessions._revocations = away
    assert delete(client, header).status_code == 503
    assert rows(superuser, "SELECT 1 FROM identity.erasure") == []
    assert rows(superuser, "SELECT 1 FROM identity.session WHERE ended_at IS NOT NULL") == []
    assert auth.login().status_code == 200


def test_without_postgres_nothing_is_deleted(auth: Auth, superuser: Engine) -> None:
    auth.register()
    client, header = auth.logged_in()
    with shut_out(superuser, "auth_api"):
        assert delete(client, header).status_code == 503
    assert delete(client, bearer(auth.login())).status_code == 202
