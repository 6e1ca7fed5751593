"""Reads while a part is away, and what the query API may do at all."""

from __future__ import annotations

import psycopg2
import pytest
from redis import Redis
from sqlalchemy import Engine, text

from runtime.ids import new_id
from tests.bare import shut_out
from tests.query_harness import Queries, World, app_for, problem
from tests.servers import Servers, free_port

_END_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'query_api'"
)


def end_session(world: World, alice: Queries) -> str:
    """Return an access token of a session that the database knows as ended."""
    session = str(new_id())
    world.sql(
        "INSERT INTO identity.session VALUES"
        " (:id, :account, now(), now(), now(), 'test', '127.0.0.1', now())",
        id=session,
        account=alice.account,
    )
    return f"Bearer {alice.account}/{session}"


def test_connections_that_died_cost_no_answer(
    world: World, alice: Queries, bob: Queries, superuser: Engine
) -> None:
    world.send(bob.account, alice.account)
    for _ in range(3):
        assert alice.get("unread")["total"] == 1
        with superuser.begin() as connection:
            connection.execute(text(_END_CONNECTIONS))


def test_without_the_database_reads_are_503_until_it_is_back(
    world: World, alice: Queries, bob: Queries, superuser: Engine
) -> None:
    sent = world.send(bob.account, alice.account)
    with shut_out(superuser, "query_api"):
        for path in ("unread", f"messages/{sent.message_id}", f"events/{sent.event_id}"):
            answer = alice.call(path)
            assert problem(answer) == (503, "service-unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
        ready = alice.call("readyz")
        assert ready.status_code == 503
        assert ready.json is not None
        assert ready.json["parts"]["database"]["status"] == "unready"
    assert alice.get("unread")["total"] == 1


def test_reads_go_on_without_redis_and_ended_sessions_stay_ended(
    servers: Servers, world: World, alice: Queries, bob: Queries
) -> None:
    world.send(bob.account, alice.account)
    app = app_for(servers, redis_port=free_port())
    cut_off = Queries(app=app, account=alice.account, username=alice.username)
    assert cut_off.get("unread")["total"] == 1
    ended = end_session(world, alice)
    answer = cut_off.call("unread", Authorization=ended)
    assert problem(answer) == (401, "token-invalid")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_redis_is_believed_first(servers: Servers, alice: Queries) -> None:
    session = new_id()
    token = f"Bearer {alice.account}/{session}"
    with Redis(port=servers.valkey_port) as redis:
        redis.set(f"revoked:{session}", "1", ex=60)
        assert problem(alice.call("unread", Authorization=token)) == (401, "token-invalid")


def test_without_redis_and_database_nobody_can_tell_who_may_read(
    servers: Servers, alice: Queries, superuser: Engine
) -> None:
    app = app_for(servers, redis_port=free_port())
    cut_off = Queries(app=app, account=alice.account, username=alice.username)
    with shut_out(superuser, "query_api"):
        assert problem(cut_off.call("unread")) == (503, "service-unavailable")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE read_model.message SET body = 'x'",
        "DELETE FROM event_log.event",
        "INSERT INTO event_log.checkpoint VALUES (500, '', 0, now())",
        "SELECT password_hash FROM identity.account",
        "SELECT address FROM identity.session",
        "CREATE TABLE read_model.mine (id int)",
    ],
)
def test_its_role_may_not_do_what_it_need_not(servers: Servers, statement: str) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=servers.postgres_port, user="query_api", dbname="messaging"
    )
    try:
        cursor = connection.cursor()
        cursor.execute("SET default_transaction_read_only = off")
        connection.commit()
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)
    finally:
        connection.close()
