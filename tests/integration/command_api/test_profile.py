"""What a command costs: the append is one call, however much it does in Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from command_api.app import create_app
from events.queue import EventQueue
from runtime import profiling
from runtime.redis_client import connect
from runtime.settings import RedisSettings, Secret
from tests.command_harness import GENEROUS, BelievesAll, Commands, NobodyRevoked, settings_for
from tests.integration.command_api.conftest import QUEUE, People
from tests.profiled import PROFILE, cost, slow_statements
from tests.servers import Servers
from web.guard import Guard


@pytest.fixture
def make_alice(servers: Servers, queue: EventQueue, people: People) -> Callable[[], Commands]:
    """Make alice a command API that tells its cost; call it where its log is caught."""
    return lambda: _profiled(servers, people)


def _profiled(servers: Servers, people: People) -> Commands:
    usual = settings_for(servers, QUEUE, GENEROUS)
    settings = replace(
        usual,
        api=replace(usual.api, log_level="INFO", profile=PROFILE),
        database=replace(usual.database, profile=PROFILE),
        redis=replace(usual.redis, profile=PROFILE),
    )
    app = create_app(settings, guard=Guard(BelievesAll(), NobodyRevoked()))
    return Commands(app=app, account=people.alice)


def test_functions_and_wake_ups_are_counted(make_alice: Callable[[], Commands]) -> None:
    alice = make_alice()
    first = alice.send("bob")
    assert first.status_code == 202
    assert cost(first.headers).statements > 0  # Who bob is.
    second = alice.send("bob")
    assert second.status_code == 202
    # The bell rings already: nothing but the append.
    assert cost(second.headers)[2:] == (0, cost(second.headers).redis, 1)
    assert cost(first.headers).calls > cost(second.headers).calls


def test_a_pipeline_is_one_call(servers: Servers) -> None:
    settings = RedisSettings(url=servers.redis_url(), password=Secret("-"), profile=PROFILE)
    with connect(settings) as client:
        client.ping()
        profile = profiling.begin()
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(5):
                pipeline.ping()
            assert pipeline.execute() == [True] * 5
        assert profile.redis.count == 1
        assert profile.redis.seconds > 0
    client.connection_pool.disconnect()


def test_neither_text_nor_names_are_logged(
    make_alice: Callable[[], Commands], capfd: pytest.CaptureFixture[str]
) -> None:
    alice = make_alice()
    capfd.readouterr()
    alice.send("bob", body="swordfish")
    lines = slow_statements(capfd)
    assert any("directory" in line["statement"] and line["plan"] for line in lines)
    for value in ("swordfish", "bob", str(alice.account)):
        assert value not in repr(lines)
