"""Accounts and sessions through NGINX, with every service believing the same tokens."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from local_stack.credentials import Credentials
from tests.running_stack import RunningStack, wait_until
from tests.unit.auth_api.keys import write_key

pytestmark = pytest.mark.stack

PASSWORD = "correct horse battery"
# One guarded path of each service.
GUARDED = ("/auth/v1/me", "/query/v1/conversations")


@pytest.fixture
def browser(stack: RunningStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


@pytest.fixture
def name(browser: httpx.Client) -> str:
    """A new account's username."""
    name = f"auth-{secrets.token_hex(6)}"
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    assert browser.post("/auth/v1/register", json=body).status_code == 201
    return name


def login(browser: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return browser.post("/auth/v1/login", json={"username": name, "password": password})


def bearer(answer: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def refresh(browser: httpx.Client, **headers: str) -> httpx.Response:
    csrf = {"X-CSRF-TOKEN": browser.cookies["csrf_refresh_token"]}
    return browser.post("/auth/v1/token", headers=csrf | headers)


def slug(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    kind: str = answer.json()["type"]
    return kind.removeprefix("/problems/")


def test_from_registration_to_logout(browser: httpx.Client, name: str) -> None:
    answer = login(browser, name)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    header = bearer(answer)
    me = browser.get("/auth/v1/me", headers=header).json()
    assert me["username"] == name
    again = refresh(browser)
    assert again.status_code == 200
    for path in GUARDED:
        assert browser.get(path, headers=bearer(again)).status_code == 200
    assert browser.post("/auth/v1/logout", headers=bearer(again)).status_code == 204
    assert "refresh_token_cookie" not in browser.cookies
    started = time.monotonic()
    for path in GUARDED:
        wait_until(lambda path=path: browser.get(path, headers=header).status_code == 401, 6)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert time.monotonic() - started < 6
    refused = browser.get("/auth/v1/me", headers=header)
    assert slug(refused) == "token-invalid"
    assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_tokens_are_signed_by_a_published_key_for_the_public_address(
    browser: httpx.Client, name: str, stack: RunningStack
) -> None:
    token = login(browser, name).json()["access_token"]
    header = jwt.get_unverified_header(token)
    keys = jwt.PyJWKSet.from_dict(browser.get("/auth/v1/.well-known/jwks.json").json())
    claims = jwt.decode(
        token, keys[header["kid"]], algorithms=["EdDSA"], audience="messaging", issuer=stack.url
    )
    assert set(claims) == {"iss", "aud", "sub", "sid", "jti", "typ", "iat", "exp"}
    assert header["alg"] == "EdDSA"


def test_cookies_are_strict_and_only_one_is_readable(browser: httpx.Client, name: str) -> None:
    cookies = {c.split("=")[0]: c for c in login(browser, name).headers.get_list("Set-Cookie")}
    assert set(cookies) == {"refresh_token_cookie", "csrf_refresh_token"}
    assert all("SameSite=Strict" in cookie for cookie in cookies.values())
    assert "HttpOnly" in cookies["refresh_token_cookie"]
    assert "Path=/auth/v1" in cookies["refresh_token_cookie"]
    assert "HttpOnly" not in cookies["csrf_refresh_token"]
    assert cookies["csrf_refresh_token"].endswith(("Path=/; SameSite=Strict", "Path=/"))


def test_a_rotated_token_is_good_for_ten_seconds_then_ends_the_session(
    browser: httpx.Client, name: str
) -> None:
    login(browser, name)
    old = {c: browser.cookies[c] for c in ("refresh_token_cookie", "csrf_refresh_token")}

    def replay() -> httpx.Response:
        return httpx.post(
            browser.base_url.join("/auth/v1/token"),
            headers={"X-CSRF-TOKEN": old["csrf_refresh_token"]},
            cookies=old,
        )

    current = refresh(browser)
    assert replay().status_code == 200
    time.sleep(10.5)
    assert slug(replay()) == "session-revoked"
    assert slug(refresh(browser)) == "session-revoked"
    wait_until(lambda: browser.get(GUARDED[1], headers=bearer(current)).status_code == 401, 6)


def test_a_missing_or_wrong_csrf_token_is_401(browser: httpx.Client, name: str) -> None:
    login(browser, name)
    assert slug(browser.post("/auth/v1/token")) == "csrf-token-invalid"
    assert slug(refresh(browser, **{"X-CSRF-TOKEN": "wrong"})) == "csrf-token-invalid"
    assert refresh(browser).status_code == 200


def test_an_unknown_name_and_a_wrong_password_look_alike(browser: httpx.Client, name: str) -> None:
    def answered(of: httpx.Response) -> Any:
        return of.status_code, {**of.json(), "request_id": ""}

    assert answered(login(browser, name, "wrong")) == answered(login(browser, f"{name}-x", "wrong"))


def test_too_many_failures_are_429_with_a_time_to_wait(browser: httpx.Client, name: str) -> None:
    for _ in range(10):
        assert slug(login(browser, name, "wrong")) == "login-failed"
    answer = login(browser, name)
    assert slug(answer) == "too-many-failures"
    assert 0 < int(answer.headers["Retry-After"]) <= 900


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"username": "a b"}, {"username"}),
        ({"username": "a/b"}, {"username"}),
        ({"username": ".."}, {"username"}),
        ({"username": "a\0"}, {"username"}),
        ({"email": "nobody"}, {"email"}),
        ({"password": "password1"}, {"password"}),
        ({"password": "x" * 7}, {"password"}),
        ({"password": 12345678}, {"password"}),
        ({"role": "admin"}, {"role"}),
    ],
)
def test_a_bad_registration_names_the_field(
    browser: httpx.Client, changes: dict[str, Any], fields: set[str]
) -> None:
    body = {"username": "somebody", "email": "s@example.org", "password": PASSWORD, **changes}
    answer = browser.post("/auth/v1/register", json=body)
    assert slug(answer) == "invalid-fields"
    assert set(answer.json()["errors"]) == fields


def test_a_new_signing_key_is_believed_by_all_without_a_restart(
    browser: httpx.Client, name: str, stack: RunningStack
) -> None:
    before = login(browser, name)
    write_key(Credentials(stack.state / "secrets").signing_keys, f"zz-{int(time.time())}")
    wait_until(
        lambda: (
            jwt.get_unverified_header(login(browser, name).json()["access_token"])["kid"]
            != jwt.get_unverified_header(before.json()["access_token"])["kid"]
        ),
        5,
    )
    after = login(browser, name)
    for path in GUARDED:
        assert browser.get(path, headers=bearer(before)).status_code == 200
        assert browser.get(path, headers=bearer(after)).status_code == 200


def test_keys_rotate_without_a_logout(
    browser: httpx.Client, name: str, stack: RunningStack
) -> None:
    before = login(browser, name)
    done = stack.messaging("keys", "rotate")
    assert done.returncode == 0, done.stderr
    signs = done.stdout.split()[1]
    published = "/auth/v1/.well-known/jwks.json"
    live = [key["kid"] for key in browser.get(published).json()["keys"]]
    assert live[-1] == signs
    assert len(live) == 2
    wait_until(lambda: kid_of(login(browser, name)) == signs, 5)
    assert kid_of(before) == live[0]
    after = refresh(browser)
    assert kid_of(after) == signs

    def believed() -> bool:
        answers = [
            browser.get(path, headers=bearer(token)).status_code
            for path in GUARDED * 5  # Each service has several processes.
            for token in (before, after)
        ]
        return set(answers) == {200}

    # Who has asked for the keys within the last second, for the test before, asks again after it.
    wait_until(believed, 5)


def kid_of(answer: httpx.Response) -> str:
    kid: str = jwt.get_unverified_header(answer.json()["access_token"])["kid"]
    return kid
