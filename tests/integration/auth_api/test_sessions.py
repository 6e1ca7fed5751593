"""Sessions over HTTP: refreshing by cookie and CSRF token, logging out."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from redis import Redis

from runtime.ids import SessionId
from runtime.revocations import RevocationList
from tests.integration.auth_api.conftest import Auth, MakeAuth, bearer, csrf, refresh


def is_revoked(redis: Redis, session_id: SessionId) -> bool:
    return RevocationList(redis).is_revoked(session_id)


def test_over_http_the_cookie_is_rotated(auth: Auth) -> None:
    auth.register()
    client, _ = auth.logged_in()
    before = client.get_cookie("refresh_token_cookie", path="/auth/v1")
    answer = refresh(client)
    assert answer.status_code == 200
    assert client.get("/auth/v1/me", headers=bearer(answer)).status_code == 200
    after = client.get_cookie("refresh_token_cookie", path="/auth/v1")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert after.http_only
    assert refresh(client).status_code == 200


@pytest.mark.parametrize("header", [None, "", "wrong", "\u00fc"])
def test_without_the_right_csrf_token_nothing_is_refreshed(auth: Auth, header: str | None) -> None:
    auth.register()
    client, _ = auth.logged_in()
    headers = {} if header is None else {"X-CSRF-TOKEN": header}
    answer = client.post("/auth/v1/token", headers=headers)
    assert answer.status_code == 401
    assert answer.get_json()["type"] == "/problems/csrf-token-invalid"
    assert "WWW-Authenticate" in answer.headers
    assert refresh(client).status_code == 200


def test_the_csrf_token_of_another_session_is_wrong(auth: Auth) -> None:
    auth.register()
    (one, _), (other, _) = auth.logged_in(), auth.logged_in()
    answer = one.post("/auth/v1/token", headers=csrf(other))
    assert answer.get_json()["type"] == "/problems/csrf-token-invalid"


@pytest.mark.parametrize("value", [None, "", "x", "a.b.c", "\u00fc", "x" * 4_000])
def test_without_a_good_cookie_nothing_is_refreshed(auth: Auth, value: str | None) -> None:
    client = auth.client()
    if value is not None:
        client.set_cookie("refresh_token_cookie", value, path="/auth/v1")
    answer = client.post("/auth/v1/token", headers={"X-CSRF-TOKEN": "x"})
    assert answer.status_code == 401
    assert answer.get_json()["type"] == "/problems/refresh-token-invalid"


def test_an_access_token_is_no_refresh_token_nor_the_reverse(auth: Auth) -> None:
    auth.register()
    client, header = auth.logged_in()
    cookie = client.get_cookie("refresh_token_cookie", path="/auth/v1")
    assert cookie is not None
    swapped = client.get("/auth/v1/me", headers={"Authorization": f"Bearer {cookie.value}"})
    assert swapped.status_code == 401
    assert 'error="invalid_token"' in swapped.headers["WWW-Authenticate"]
    access = header["Authorization"].removeprefix("Bearer ")
    client.set_cookie("refresh_token_cookie", access, path="/auth/v1")
    answer = refresh(client)
    assert answer.get_json()["type"] == "/problems/refresh-token-invalid"


def test_a_forged_refresh_token_ends_nobodys_session(auth: Auth) -> None:
    auth.register()
    client, _ = auth.logged_in()
    cookie = client.get_cookie("refresh_token_cookie", path="/auth/v1")
    assert cookie is not None
    claims = jwt.decode(cookie.value, options={"verify_signature": False})
    forged = jwt.encode({**claims, "jti": str(uuid4())}, "x" * 32, headers={"kid": "key-1"})
    attacker = auth.client()
    attacker.set_cookie("refresh_token_cookie", forged, path="/auth/v1")
    answer = attacker.post("/auth/v1/token", headers={"X-CSRF-TOKEN": claims["csrf"]})
    assert answer.get_json()["type"] == "/problems/refresh-token-invalid"
    assert refresh(client).status_code == 200


@pytest.mark.parametrize(
    "header",
    [{"crit": ["exp"]}, {"jku": "https://evil.example/"}, {"x5u": "https://evil.example/"},
     {"jwk": {"kty": "OKP"}}, {"x5c": ["MIIB"]}, {"kid": "key-2"}],
    ids=lambda header: next(iter(header)),
)  # fmt: skip
def test_a_refresh_token_whose_header_leads_elsewhere_is_refused(
    auth: Auth, header: dict[str, Any]
) -> None:
    auth.register()
    client, _ = auth.logged_in()
    token = csrf(client)
    cookie = client.get_cookie("refresh_token_cookie", path="/auth/v1")
    assert cookie is not None
    claims = jwt.decode(cookie.value, options={"verify_signature": False})
    key = auth.app.extensions["messaging-auth"].keys.current().private
    good = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "key-1"})
    client.set_cookie("refresh_token_cookie", good, path="/auth/v1")
    assert client.post("/auth/v1/token", headers=token).status_code == 200
    forged = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "key-1", **header})
    client.set_cookie("refresh_token_cookie", forged, path="/auth/v1")
    answer = client.post("/auth/v1/token", headers=token)
    assert answer.status_code == 401
    assert answer.get_json()["type"] == "/problems/refresh-token-invalid"


def test_logout_ends_the_session_and_clears_the_cookies(auth: Auth, redis: Redis) -> None:
    auth.register()
    client, header = auth.logged_in()
    other, other_header = auth.logged_in()
    kept = client.get_cookie("refresh_token_cookie", path="/auth/v1")
    token = csrf(client)
    answer = client.post("/auth/v1/logout", headers=header)
    assert answer.status_code == 204
    assert answer.data == b""
    assert "Content-Type" not in answer.headers
    assert len(answer.headers.getlist("Set-Cookie")) == 2
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert client.get_cookie("refresh_token_cookie", path="/auth/v1") is None
    assert client.get_cookie("csrf_refresh_token") is None
    assert kept is not None
    client.set_cookie("refresh_token_cookie", kept.value, path="/auth/v1")
    refused = client.post("/auth/v1/token", headers=token)
    assert refused.get_json()["type"] == "/problems/session-revoked"
    claims = jwt.decode(header["Authorization"][7:], options={"verify_signature": False})
    assert is_revoked(redis, SessionId(UUID(claims["sid"])))
    assert other.get("/auth/v1/me", headers=other_header).status_code == 200


def test_a_process_that_has_not_seen_the_token_refuses_it_at_once(
    auth: Auth, make_auth: MakeAuth
) -> None:
    auth.register()
    client, header = auth.logged_in()
    client.post("/auth/v1/logout", headers=header)
    another = make_auth()
    answer = another.client().get("/auth/v1/me", headers=header)
    assert answer.status_code == 401
    assert answer.get_json()["detail"] == "The session has ended."


def test_logout_needs_an_access_token(auth: Auth) -> None:
    auth.register()
    client, _ = auth.logged_in()
    assert client.post("/auth/v1/logout").status_code == 401
