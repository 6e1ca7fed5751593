"""Logging in: one answer for every failure, limits that hold under any number at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from auth_api.errors import TooManyFailuresError
from auth_api.failures import LoginFailures
from auth_api.settings import FailureLimits, PasswordSettings
from tests.integration.auth_api.conftest import PASSWORD, Auth, MakeAuth, bearer
from tests.unit.auth_api.hashing import counted_hashes, work


def test_a_login_gives_an_access_token_and_a_refresh_cookie(auth: Auth) -> None:
    auth.register()
    client = auth.client()
    answer = auth.login("ALICE", client=client)
    assert answer.status_code == 200
    body = answer.get_json()
    assert set(body) == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    assert client.get("/auth/v1/me", headers=bearer(answer)).status_code == 200
    refresh_cookie, csrf_cookie = sorted(answer.headers.getlist("Set-Cookie"), reverse=True)
    assert refresh_cookie.startswith("refresh_token_cookie=")
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/auth/v1", "Max-Age=6047"):
        assert attribute in refresh_cookie
    assert csrf_cookie.startswith("csrf_refresh_token=")
    assert "HttpOnly" not in csrf_cookie
    for attribute in ("SameSite=Strict", "Path=/;"):
        assert attribute in csrf_cookie
    assert "Secure" not in refresh_cookie + csrf_cookie
    assert max(map(len, (refresh_cookie, csrf_cookie))) < 1_024  # Browsers keep 4,096 bytes.


def test_cookies_are_secure_where_the_public_address_is(make_auth: MakeAuth) -> None:
    auth = make_auth(public_url="https://chat.example")
    auth.register()
    cookies = auth.login().headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    assert all("Secure" in cookie for cookie in cookies)


@pytest.mark.parametrize("name", ["alice", "nobody", "a b", "/", "x" * 256])
def test_every_failure_has_the_same_answer(auth: Auth, name: str) -> None:
    auth.register()
    answer = auth.login(name, "wrong")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    members = answer.get_json() | {"request_id": ""}
    assert members == {
        "type": "/problems/login-failed",
        "title": "Login failed",
        "status": 401,
        "detail": "No account has this username and password.",
        "instance": "/auth/v1/login",
        "request_id": "",
    }
    assert "Set-Cookie" not in answer.headers


def test_every_failure_costs_one_verification_of_the_same_parameters(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth.register()
    auth.register("bob")
    client, header = auth.logged_in("bob")
    deleted = client.delete("/auth/v1/me", json={"password": PASSWORD}, headers=header)
    assert deleted.status_code == 202
    names = ["alice", "nobody", "bob", "a b", "x" * 256]
    with counted_hashes(monkeypatch) as made:
        assert [auth.login(name, "wrong").status_code for name in names] == [401] * 5
    assert len(made) == len(names)
    assert {(one.memory_cost, one.time_cost, one.parallelism) for one in made} == {(64, 1, 1)}


@pytest.mark.parametrize("passes", [3, 1])
def test_a_failure_costs_the_same_where_the_hash_is_outdated(
    make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch, passes: int
) -> None:
    make_auth(passwords=PasswordSettings(memory_kib=64, passes=2, lanes=1)).register()
    auth = make_auth(passwords=PasswordSettings(memory_kib=64, passes=passes, lanes=1))
    auth.register("bob")
    costs = []
    for name in ("alice", "nobody", "bob", "a b"):
        with counted_hashes(monkeypatch) as made:
            assert auth.login(name, "wrong").status_code == 401
        costs.append(work(made))
    assert costs == [64 * max(2, passes)] * 4


def test_a_hash_of_other_parameters_is_replaced_at_login(
    make_auth: MakeAuth, superuser: Engine
) -> None:
    make_auth().register()
    dearer = make_auth(passwords=PasswordSettings(memory_kib=128, passes=1, lanes=1))
    assert dearer.login(password="wrong").status_code == 401
    assert dearer.login().status_code == 200
    with superuser.connect() as connection:
        hashed = connection.execute(text("SELECT password_hash FROM identity.account")).scalar_one()
    assert "m=128," in hashed
    assert dearer.login().status_code == 200


def test_after_ten_failures_even_the_right_password_must_wait(auth: Auth) -> None:
    auth.register()
    for _ in range(10):
        assert auth.login(password="wrong").status_code == 401
    answer = auth.login()
    assert answer.status_code == 429
    assert answer.get_json()["type"] == "/problems/too-many-failures"
    assert 800 < int(answer.headers["Retry-After"]) <= 900


def test_the_limit_is_the_same_for_a_name_that_does_not_exist(auth: Auth) -> None:
    statuses = [auth.login("nobody", "wrong").status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_a_name_is_counted_in_its_prepared_form(auth: Auth) -> None:
    names = ["Alice", "alice", "ALICE", "aLICE"] * 3
    statuses = [auth.login(name, "wrong").status_code for name in names]
    assert statuses == [401] * 10 + [429] * 2


def test_a_successful_login_clears_the_failures_of_its_account(auth: Auth) -> None:
    auth.register()
    for _ in range(3):
        for _ in range(9):
            assert auth.login(password="wrong").status_code == 401
        assert auth.login().status_code == 200


def test_an_address_has_a_limit_over_all_accounts(make_auth: MakeAuth) -> None:
    auth = make_auth(failures=FailureLimits(address=5))
    auth.register()
    for number in range(5):
        assert auth.login(f"nobody-{number}", "wrong").status_code == 401
    assert auth.login().status_code == 429
    client = auth.client()
    elsewhere = client.post(
        "/auth/v1/login",
        json={"username": "alice", "password": PASSWORD},
        headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"},
    )
    assert elsewhere.status_code == 200


def test_successes_do_not_count_for_the_address(make_auth: MakeAuth) -> None:
    auth = make_auth(failures=FailureLimits(address=2))
    auth.register()
    assert [auth.login().status_code for _ in range(6)] == [200] * 6


def test_a_network_of_ipv6_counts_as_one_address(make_auth: MakeAuth) -> None:
    auth = make_auth(failures=FailureLimits(address=3))
    client = auth.client()
    statuses = [
        client.post(
            "/auth/v1/login",
            json={"username": f"nobody-{number}", "password": "wrong"},
            headers={"X-Forwarded-For": f"2001:db8:1:2:{number}::1"},
        ).status_code
        for number in range(5)
    ]
    assert statuses == [401] * 3 + [429] * 2


def test_of_many_wrong_ones_at_once_ten_are_tried(auth: Auth) -> None:
    auth.register()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: auth.login(password="wrong"), range(40)))
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [401] * 10 + [429] * 30


def test_processes_count_together(make_auth: MakeAuth) -> None:
    processes = [make_auth() for _ in range(3)]
    processes[0].register()
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: processes[n % 3].login(password="wrong"), range(36)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 26


def test_a_success_forgives_no_failure_that_comes_after_it(redis: Redis) -> None:
    failures = LoginFailures(redis, FailureLimits(account=2))

    def attempt(*, succeeded: bool) -> None:
        with failures.attempt(username="alice", address="192.0.2.1") as made:
            made.succeeded = succeeded

    with failures.attempt(username="alice", address="192.0.2.1") as slow:
        attempt(succeeded=True)
        slow.succeeded = False
    attempt(succeeded=False)
    with pytest.raises(TooManyFailuresError):
        attempt(succeeded=True)


def test_attempts_given_back_make_no_room_for_more(redis: Redis) -> None:
    failures = LoginFailures(redis, FailureLimits(account=1), sleep=lambda _: None)
    for _ in range(3):
        with failures.attempt(username="alice", address="192.0.2.1"):
            pass  # Undecided, as when the database is away.
    with failures.attempt(username="alice", address="192.0.2.1") as made:
        made.succeeded = False
    for _ in range(3):
        with pytest.raises(TooManyFailuresError):
            failures.attempt(username="alice", address="192.0.2.1").__enter__()
    assert {redis.get(key) for key in redis.keys("failures:*:trying")} == {b"0"}


def test_many_right_ones_at_once_all_succeed(auth: Auth) -> None:
    auth.register()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: auth.login(), range(64)))
    assert {answer.status_code for answer in answers} == {200}


def test_the_window_ends(make_auth: MakeAuth, redis: Redis) -> None:
    auth = make_auth(failures=FailureLimits(account=1))
    auth.register()
    assert auth.login(password="wrong").status_code == 401
    assert auth.login().status_code == 429
    for key in redis.keys("failures:*"):
        redis.pexpire(key, 1)
    time.sleep(0.01)
    assert auth.login().status_code == 200


def test_no_key_in_redis_stays_for_ever(auth: Auth, redis: Redis) -> None:
    auth.register()
    auth.login()
    auth.login(password="wrong")
    for _ in range(12):
        auth.login("nobody", "wrong")
    keys = redis.keys("failures:*")
    assert keys
    assert all(0 < redis.ttl(key) <= 900 for key in keys)
    assert not any(b"alice" in key or b"nobody" in key for key in keys)


def test_a_login_that_could_not_be_decided_is_not_counted(
    make_auth: MakeAuth, superuser: Engine
) -> None:
    auth = make_auth(failures=FailureLimits(account=1))
    auth.register()
    with superuser.begin() as tx:
        tx.execute(text("REVOKE SELECT ON identity.account FROM auth_api"))
    try:
        assert auth.login().status_code == 500
    finally:
        with superuser.begin() as tx:
            tx.execute(text("GRANT SELECT ON identity.account TO auth_api"))
    assert auth.login().status_code == 200
