"""A Redis that lost its data does not make ended sessions live again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine, text

from runtime.clock import utc_now
from runtime.errors import UnavailableError
from runtime.ids import Epoch, SessionId
from runtime.revocations import COMPLETE_KEY, RevocationList
from tests.integration.auth_api.conftest import Auth, MakeAuth
from tests.servers import Servers
from workers.revocations import EndedSessions

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def worker(servers: Servers) -> Iterator[Engine]:
    made = create_engine(servers.database_url("worker"))
    yield made
    made.dispose()


@pytest.fixture
def ended(redis: Redis, worker: Engine) -> EndedSessions:
    return EndedSessions(redis, worker, access_lifetime=300, clock=utc_now)


def status(auth: Auth, header: dict[str, str]) -> int:
    return auth.client().get("/auth/v1/me", headers=header).status_code


def test_an_ended_session_stays_ended_though_redis_lost_everything(
    auth: Auth, make_auth: MakeAuth, redis: Redis, ended: EndedSessions
) -> None:
    auth.register()
    client, header = auth.logged_in()
    _, other = auth.logged_in()
    client.post("/auth/v1/logout", headers=header)
    redis.flushall()
    fresh = make_auth()
    assert status(fresh, header) == 503
    assert status(fresh, other) == 503
    ready = fresh.client().get("/auth/v1/readyz").get_json()["parts"]
    assert ready["ended_sessions"]["status"] == "unready"
    assert ended.restore(Epoch(2)) == 1
    assert status(fresh, header) == 401
    assert status(fresh, other) == 200
    assert make_auth().client().get("/auth/v1/readyz").status_code == 200


def test_a_redis_put_back_to_an_older_state_is_told_again(
    auth: Auth, make_auth: MakeAuth, redis: Redis, ended: EndedSessions
) -> None:
    auth.register()
    client, header = auth.logged_in()
    ended.restore(Epoch(2))
    client.post("/auth/v1/logout", headers=header)
    redis.delete(*redis.keys("revoked:*-*"))
    assert ended.restore(Epoch(2)) == 0
    assert ended.restore(Epoch(3)) == 1
    assert status(make_auth(), header) == 401


def test_nothing_is_restored_before_the_queue_has_an_epoch(
    auth: Auth, redis: Redis, ended: EndedSessions
) -> None:
    redis.flushall()
    assert ended.restore(None) == 0
    with pytest.raises(UnavailableError):
        RevocationList(redis).is_revoked(SessionId(uuid4()))


def test_a_session_is_listed_as_long_as_its_access_tokens_may_run(
    auth: Auth, redis: Redis, superuser: Engine, worker: Engine
) -> None:
    auth.register()
    sessions = []
    for seconds_ago in (1, 300, 361):
        auth.logged_in()
        with superuser.begin() as tx:
            sessions.append(
                tx.execute(
                    text(
                        "UPDATE identity.session SET ended_at = :at WHERE ended_at IS NULL"
                        " RETURNING id"
                    ),
                    {"at": NOW - timedelta(seconds=seconds_ago)},
                ).scalar_one()
            )
    redis.flushall()
    assert EndedSessions(redis, worker, access_lifetime=300, clock=lambda: NOW).restore(Epoch(1))
    left = [redis.ttl(f"revoked:{session}") for session in sessions]
    assert 300 < left[0] <= 359
    assert 0 < left[1] <= 60
    assert left[2] == -2
    assert redis.get(COMPLETE_KEY) == b"1"


def test_a_session_listed_as_ended_is_refused_even_before_the_list_is_complete(
    redis: Redis,
) -> None:
    redis.delete(COMPLETE_KEY)
    session = SessionId(uuid4())
    RevocationList(redis).revoke(session, lifetime=60)
    assert RevocationList(redis).is_revoked(session)
