"""The rotation of refresh tokens by a clock that is moved: grace, replay, age, idleness."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from auth_api.accounts import Accounts
from auth_api.errors import RefreshTokenInvalidError, SessionRevokedError
from auth_api.proofs import Proof
from auth_api.rotation import Rotation
from auth_api.sessions import Client, Sessions
from auth_api.settings import Lifetimes
from auth_api.tokens import Grant
from runtime.ids import AccountId, SessionId
from runtime.revocations import RevocationList
from runtime.settings import Reader

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
    return sessions.open(proof(account.id), CLIENT)


@pytest.fixture
def rotation(sessions: Sessions, engine: Engine, clock: Clock) -> Rotation:
    return Rotation(engine, sessions, lifetimes=Lifetimes(), clock=clock)


def proof(account_id: AccountId) -> Proof:
    return Proof(account_id=account_id, password_hash="-", fits="-".__eq__)


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


def test_lifetimes_are_those_of_the_settings(  # fixtures
    monkeypatch: pytest.MonkeyPatch,
    sessions: Sessions,
    engine: Engine,
    redis: Redis,
    clock: Clock,
    grant: Grant,
) -> None:
    for name, value in (("SESSION_LIFETIME", "100"), ("SESSION_IDLE", "40")):
        monkeypatch.setenv(f"MESSAGING_{name}", value)
    short = Lifetimes.read(Reader())
    opened = Sessions(engine, RevocationList(redis), lifetimes=short, clock=clock)
    busy = opened.open(proof(grant.account_id), CLIENT)
    lazy = opened.open(proof(grant.account_id), CLIENT)
    rotation = Rotation(engine, opened, lifetimes=short, clock=clock)
    for _ in range(3):
        clock.pass_seconds(30)
        busy = rotation.refresh(busy.session_id, busy.refresh_id)
    assert busy.ends_at - clock.now == timedelta(seconds=10)
    clock.pass_seconds(10)
    for late in (lazy, busy):
        with pytest.raises(SessionRevokedError):
            rotation.refresh(late.session_id, late.refresh_id)


def test_without_a_grace_a_second_use_is_a_replay(
    sessions: Sessions, engine: Engine, clock: Clock, grant: Grant
) -> None:
    rotation = Rotation(engine, sessions, lifetimes=Lifetimes(grace=0), clock=clock)
    rotation.refresh(grant.session_id, grant.refresh_id)
    clock.pass_seconds(0.001)
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, grant.refresh_id)


def test_old_sessions_are_forgotten_with_where_they_came_from(
    sessions: Sessions, grant: Grant, clock: Clock, superuser: Engine
) -> None:
    idle = sessions.open(proof(grant.account_id), CLIENT)
    sessions.end(grant.account_id, grant.session_id)
    clock.pass_seconds(86_401)
    live = sessions.open(proof(grant.account_id), CLIENT)
    assert ids(superuser) == {idle.session_id, live.session_id}
    sessions.end(grant.account_id, live.session_id)
    fresh = sessions.open(proof(grant.account_id), CLIENT)
    assert ids(superuser) == {idle.session_id, live.session_id, fresh.session_id}
    clock.pass_seconds(7 * 86_400)
    last = sessions.open(proof(grant.account_id), CLIENT)
    assert ids(superuser) == {fresh.session_id, last.session_id}


def ids(superuser: Engine) -> set[SessionId]:
    with superuser.connect() as connection:
        return set(connection.execute(text("SELECT id FROM identity.session")).scalars())


def test_a_session_that_never_was_cannot_be_refreshed(rotation: Rotation, grant: Grant) -> None:
    with pytest.raises(RefreshTokenInvalidError):
        rotation.refresh(SessionId(uuid4()), grant.refresh_id)


def test_a_token_of_another_session_ends_the_session_that_it_was_tried_on(
    sessions: Sessions, rotation: Rotation, grant: Grant
) -> None:
    other = sessions.open(proof(grant.account_id), CLIENT)
    with pytest.raises(SessionRevokedError):
        rotation.refresh(grant.session_id, other.refresh_id)
    rotation.refresh(other.session_id, other.refresh_id)


def test_ending_one_session_leaves_the_others(
    sessions: Sessions, rotation: Rotation, grant: Grant, redis: Redis
) -> None:
    other = sessions.open(proof(grant.account_id), CLIENT)
    sessions.end(grant.account_id, grant.session_id)
    sessions.end(grant.account_id, grant.session_id)
    assert is_revoked(redis, grant.session_id)
    assert not is_revoked(redis, other.session_id)
    rotation.refresh(other.session_id, other.refresh_id)


def is_revoked(redis: Redis, session_id: SessionId) -> bool:
    return RevocationList(redis).is_revoked(session_id)
