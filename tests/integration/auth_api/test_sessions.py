"""Sessions: rotation with a grace, the end by replay, by age, by idleness, by logout."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from redis import Redis
from sqlalchemy import Engine, text

from auth_api.accounts import Accounts, Credentials
from auth_api.errors import RefreshTokenInvalidError, SessionRevokedError
from auth_api.rotation import Rotation
from auth_api.sessions import Client, Sessions
from auth_api.settings import Lifetimes
from auth_api.tokens import Grant
from runtime.ids import AccountId, SessionId
from runtime.revocations import RevocationList
from tests.integration.auth_api.conftest import Auth, MakeAuth, bearer, csrf, refresh

CLIENT = Client(user_agent="test", address="127.0.0.1")


class Clock:
    now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(empty: None, engine: Engine, redis: Redis, clock: Clock) -> Sessions:
    return Sessions(engine, RevocationList(redis), lifetimes=Lifetimes(), clock=clock)


@pytest.fixture
def grant(sessions: Sessions, engine: Engine, clock: Clock) -> Grant:
    account = Accounts(engine, clock=clock).create(
        username="alice", email="alice@example.org", password_hash="-"
    )
    return sessions.open(credentials(account.id), CLIENT)


@pytest.fixture
def rotation(sessions: Sessions, engine: Engine, clock: Clock) -> Rotation:
    return Rotation(engine, sessions, lifetimes=Lifetimes(), clock=clock)


def credentials(account_id: AccountId) -> Credentials:
    return Credentials(account_id=account_id, password_hash="-")


def is_revoked(redis: Redis, session_id: SessionId) -> bool:
    return RevocationList(redis).is_revoked(session_id)


def test_a_refresh_token_earns_the_next_one(rotation: Rotation, grant: Grant) -> None:
    for _ in range(5):
        following = rotation.refresh(grant.session_id, grant.refresh_id)
        assert following.refresh_id != grant.refresh_id
        assert following.session_id == grant.session_id
        assert following.account_id == grant.account_id
        grant = following


def test_within_the_grace_an_old_token_earns_another_as_good(
    rotation: Rotation, grant: Grant, clock: Clock
) -> None:
    one = rotation.refresh(grant.session_id, grant.refresh_id)
    clock.pass_seconds(10)
    two = rotation.refresh(grant.session_id, grant.refresh_id)
    assert one.refresh_id != two.refresh_id
    clock.pass_seconds(60)
    rotation.refresh(grant.session_id, one.refresh_id)
    rotation.refresh(grant.session_id, two.refresh_id)


def test_using_an_old_token_within_the_grace_does_not_prolong_it(
    rotation: Rotation, grant: Grant, clock: Clock
) -> None:
    rotation.refresh(grant.session_id, grant.refresh_id)
    clock.pass_seconds(8)
    rotation.refresh(grant.session_id, grant.refresh_id)
    clock.pass_seconds(8)
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, grant.refresh_id)


@pytest.mark.parametrize("seconds", [10.001, 3_600])
def test_a_replayed_token_ends_the_whole_session(
    rotation: Rotation, grant: Grant, clock: Clock, redis: Redis, seconds: float
) -> None:
    successor = rotation.refresh(grant.session_id, grant.refresh_id)
    clock.pass_seconds(seconds)
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, grant.refresh_id)
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, successor.refresh_id)
    assert is_revoked(redis, grant.session_id)
    assert 300 <= int(redis.ttl(f"revoked:{grant.session_id}")) <= 360


def test_a_token_rotated_so_long_ago_that_it_is_forgotten_is_a_replay_too(
    rotation: Rotation, grant: Grant, clock: Clock, superuser: Engine
) -> None:
    current = grant
    for _ in range(4):
        clock.pass_seconds(300)
        current = rotation.refresh(current.session_id, current.refresh_id)
    with superuser.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM identity.refresh_token")).scalar_one()
    assert kept == 2
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, grant.refresh_id)


def test_two_tabs_that_refresh_at_once_both_go_on(rotation: Rotation, grant: Grant) -> None:
    with ThreadPoolExecutor(6) as pool:
        grants = list(
            pool.map(lambda _: rotation.refresh(grant.session_id, grant.refresh_id), range(6))
        )
    assert len({one.refresh_id for one in grants}) == 6
    for one in grants:
        rotation.refresh(one.session_id, one.refresh_id)


def test_a_session_ends_at_its_absolute_age_however_busy(
    rotation: Rotation, grant: Grant, clock: Clock
) -> None:
    for _ in range(29):
        clock.pass_seconds(86_400)
        grant = rotation.refresh(grant.session_id, grant.refresh_id)
    assert grant.ends_at - clock.now == timedelta(days=1)
    clock.pass_seconds(86_400)
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, grant.refresh_id)


def test_a_session_that_nobody_uses_ends_after_a_week(
    rotation: Rotation, grant: Grant, clock: Clock
) -> None:
    assert grant.ends_at - clock.now == timedelta(days=7)
    clock.pass_seconds(7 * 86_400 - 1)
    grant = rotation.refresh(grant.session_id, grant.refresh_id)
    clock.pass_seconds(7 * 86_400)
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, grant.refresh_id)


def test_a_session_that_never_was_cannot_be_refreshed(rotation: Rotation, grant: Grant) -> None:
    with pytest.raises(RefreshTokenInvalidError):
        rotation.refresh(SessionId(uuid4()), grant.refresh_id)


def test_a_token_of_another_session_ends_the_session_that_it_was_tried_on(
    sessions: Sessions, rotation: Rotation, grant: Grant
) -> None:
    other = sessions.open(credentials(grant.account_id), CLIENT)
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, other.refresh_id)
    rotation.refresh(other.session_id, other.refresh_id)


def test_ending_one_session_leaves_the_others(
    sessions: Sessions, rotation: Rotation, grant: Grant, redis: Redis
) -> None:
    other = sessions.open(credentials(grant.account_id), CLIENT)
    sessions.end(grant.account_id, grant.session_id)
    sessions.end(grant.account_id, grant.session_id)
    assert is_revoked(redis, grant.session_id)
    assert not is_revoked(redis, other.session_id)
    rotation.refresh(other.session_id, other.refresh_id)


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
