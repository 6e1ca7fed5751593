"""When a part is away: a clear 503, nobody let in by guess, and healing by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from runtime.settings import RedisSettings, Secret
from tests.bare import shut_out
from tests.integration.auth_api.conftest import Auth, MakeAuth, refresh
from tests.unit.auth_api.keys import write_key
from web.keys import read_jwks

NOBODY_THERE = RedisSettings(url="redis://auth_api@127.0.0.1:1/0", password=Secret("-"))


def is_unavailable(answer: TestResponse) -> bool:
    return (
        answer.status_code == 503
        and answer.content_type == "application/problem+json"
        and int(answer.headers["Retry-After"]) >= 1
        and "127.0.0.1" not in answer.text
    )


def test_without_the_database_everything_is_503_and_heals(auth: Auth, superuser: Engine) -> None:
    auth.register()
    client, header = auth.logged_in()
    with shut_out(superuser, "auth_api"):
        assert is_unavailable(auth.register("bob"))
        assert is_unavailable(auth.login())
        assert is_unavailable(refresh(client))
        assert is_unavailable(client.get("/auth/v1/me", headers=header))
        assert is_unavailable(client.post("/auth/v1/logout", headers=header))
        ready = client.get("/auth/v1/readyz")
        assert ready.status_code == 503
        assert ready.get_json()["parts"]["database"]["status"] == "unready"
        assert client.get("/auth/v1/healthz").status_code == 200
        assert client.get("/auth/v1/.well-known/jwks.json").status_code == 200
    assert auth.register("bob").status_code == 201
    assert auth.login().status_code == 200
    assert refresh(client).status_code == 200
    assert client.get("/auth/v1/me", headers=header).status_code == 200


def test_without_redis_nobody_logs_in(make_auth: MakeAuth) -> None:
    make_auth().register()
    auth = make_auth(redis=NOBODY_THERE)
    assert is_unavailable(auth.login())
    assert auth.register("bob").status_code == 201


def test_without_redis_an_access_token_cannot_be_trusted(make_auth: MakeAuth) -> None:
    whole = make_auth()
    whole.register()
    _, header = whole.logged_in()
    auth = make_auth(redis=NOBODY_THERE)
    assert is_unavailable(auth.client().get("/auth/v1/me", headers=header))


def test_without_redis_a_session_can_be_refreshed(make_auth: MakeAuth) -> None:
    whole = make_auth()
    whole.register()
    client, _ = whole.logged_in()
    auth = make_auth(redis=NOBODY_THERE)
    other = auth.client()
    for name, path in (("refresh_token_cookie", "/auth/v1"), ("csrf_refresh_token", "/")):
        cookie = client.get_cookie(name, path=path)
        assert cookie is not None
        other.set_cookie(name, cookie.value, path=path)
    assert refresh(other).status_code == 200


def test_a_logout_that_redis_was_not_told_of_claims_no_success_and_can_be_repeated(
    make_auth: MakeAuth, superuser: Engine
) -> None:
    auth = make_auth()
    auth.register()
    client, header = auth.logged_in()
    assert client.get("/auth/v1/me", headers=header).status_code == 200
    sessions = auth.app.extensions["messaging-auth"].sessions
    reachable = sessions._revocations
    sessions._revocations = (
        make_auth(redis=NOBODY_THERE).app.extensions["messaging-auth"].sessions._revocations
    )
    answer = client.post("/auth/v1/logout", headers=header)
    assert is_unavailable(answer)
    assert "Set-Cookie" not in answer.headers
    with superuser.connect() as connection:
        ended = connection.execute(text("SELECT ended_at FROM identity.session")).scalar_one()
    assert ended is not None
    sessions._revocations = reachable
    assert client.post("/auth/v1/logout", headers=header).status_code == 204


def test_secrets_reach_no_log(
    make_auth: MakeAuth, superuser: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    auth = make_auth()
    auth.register()
    client, header = auth.logged_in()
    auth.login(password="a wrong secret")
    refresh(client)
    with superuser.begin() as tx:
        tx.execute(text("REVOKE INSERT, SELECT ON identity.account FROM auth_api"))
    try:
        assert auth.register("bob").status_code == 500
        assert auth.login().status_code == 500
    finally:
        with superuser.begin() as tx:
            tx.execute(text("GRANT INSERT, SELECT ON identity.account TO auth_api"))
    logged = capfd.readouterr()
    text_of_log = logged.out + logged.err
    assert "request.served" in text_of_log
    assert "request.failed" in text_of_log
    for secret in ("correct horse", "a wrong secret", "$argon2id$", header["Authorization"][7:]):
        assert secret not in text_of_log


def test_a_new_key_is_used_and_old_tokens_stay_good(auth: Auth, tmp_path: Path) -> None:
    auth.register()
    client, header = auth.logged_in()
    write_key(tmp_path, "key-2")
    published = client.get("/auth/v1/.well-known/jwks.json")
    assert published.headers["Cache-Control"] == "no-store"
    assert set(read_jwks(published.get_json())) == {"key-1", "key-2"}
    assert client.get("/auth/v1/me", headers=header).status_code == 200
    assert refresh(client).status_code == 200
