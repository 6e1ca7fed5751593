"""What a query costs, on a real Postgres and Valkey: counted, explained, without what it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from query_api.app import create_app
from runtime import profiling, redis_client
from runtime.settings import ProfileSettings, RedisSettings, Secret
from tests.integration.query_api.conftest import Register
from tests.profiled import PROFILE, cost, slow_statements
from tests.query_harness import BelievesAll, Queries, World, settings_for
from tests.servers import Servers

Profiled = Callable[..., Queries]


@pytest.fixture
def profiled(servers: Servers) -> Profiled:
    """Let somebody ask a query API that tells its cost; call it where its log is caught."""

    def of(queries: Queries, profile: ProfileSettings = PROFILE) -> Queries:
        usual = settings_for(servers)
        settings = replace(
            usual,
            api=replace(usual.api, log_level="INFO", profile=profile),
            database=replace(usual.database, profile=profile),
            redis=replace(usual.redis, profile=profile),
        )
        app = create_app(settings, verifier=BelievesAll())
        return replace(queries, app=app)

    return of


def test_statements_and_calls_are_counted_on_every_answer(
    profiled: Profiled, alice: Queries, bob: Queries, world: World
) -> None:
    world.send(bob.account, alice.account)
    me = profiled(alice)
    path = f"conversations/{bob.username}/messages"
    first = me.call(path)
    assert cost(first.headers).statements > 0
    assert cost(first.headers).calls == 1  # Whether the session has ended, which is then known.
    again = me.call(path)
    assert cost(again.headers).statements >= 1
    assert cost(again.headers).calls == 0
    unchanged = me.call(path, If_None_Match=again.headers["ETag"])
    assert unchanged.status_code == 304
    assert cost(unchanged.headers).statements == 1
    unknown = me.call("conversations/nobody-at-all/messages")
    assert unknown.status_code == 404
    assert cost(unknown.headers).statements >= 1
    assert cost(me.call("messages/1").headers).statements == 0  # Refused before it is looked up.


def test_a_slow_statement_is_logged_with_its_plan_and_without_values(
    profiled: Profiled, register: Register, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    alice, bob = register("alice"), register("bob")
    world.send(bob.account, alice.account, body="swordfish")
    me = profiled(alice)
    capfd.readouterr()
    for path in (
        "search?q=swordfish",
        f"conversations/{bob.username}/messages?limit=1&after=0",
        "conversations?limit=1",
        "unread",
    ):
        me.get(path, X_Request_ID="a-request")
    lines = slow_statements(capfd)
    told = repr(lines)
    for value in ("swordfish", bob.username, str(alice.account), str(bob.account)):
        assert value not in told
    read = [line for line in lines if "read_model" in line["statement"]]
    assert len(read) >= 4
    assert [line["statement"] for line in read if not line["plan"]] == []
    assert any("Scan" in row for line in read for row in line["plan"])
    assert {line["request_id"] for line in read} == {"a-request"}
    assert all(line["duration_ms"] > 0 for line in read)


def test_what_is_fast_enough_is_counted_and_not_logged(
    profiled: Profiled, alice: Queries, capfd: pytest.CaptureFixture[str]
) -> None:
    me = profiled(alice, replace(PROFILE, slow_ms=60_000))
    capfd.readouterr()
    assert cost(me.call("conversations").headers).statements > 0
    assert slow_statements(capfd) == []


def test_the_page_shows_statements_with_their_plans(
    profiled: Profiled, alice: Queries, bob: Queries, world: World
) -> None:
    world.send(bob.account, alice.account)
    me = profiled(alice, replace(PROFILE, shown=3))
    me.call("conversations")
    page = me.app.test_client().get("/query/v1/profile")
    assert page.status_code == 200
    assert "read_model" in page.text
    assert "Scan" in page.text


def test_what_a_new_connection_to_redis_says_first_takes_time_and_is_no_call(
    servers: Servers,
) -> None:
    settings = RedisSettings(url=servers.redis_url(), password=Secret("-"), profile=PROFILE)
    client = redis_client.connect(settings)
    profile = profiling.begin()
    client.ping()
    assert profile.redis.count == 1
    client.ping()
    assert profile.redis.count == 2
    client.close()
