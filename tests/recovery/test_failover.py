"""Promotion: nothing acknowledged is lost, there is one primary, and the old one follows again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from tests.recovery.chat import chat
from tests.running_stack import RunningStack, running_stack, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pair() -> Iterator[RunningStack]:
    """A stack whose servers change their roles; every test leaves primary and standby running."""
    with running_stack() as stack:
        yield stack


def ask(stack: RunningStack, server: str, question: str) -> Any:
    with (
        closing(stack.connect("postgres", server=server)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(question)
        row = cursor.fetchone()
    return row[0] if row else None


def applied(stack: RunningStack, server: str) -> int:
    return int(ask(stack, server, "SELECT sum(number) FROM event_log.checkpoint"))


def in_queue(stack: RunningStack) -> int:
    return sum(map(int, stack.redis("worker").hgetall("queue:numbers").values()))


def timeline(stack: RunningStack) -> int:
    return int(ask(stack, "primary", "SELECT timeline_id FROM pg_control_checkpoint()"))


def follows(stack: RunningStack) -> bool:
    streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    return ask(stack, "primary", streams) == 1 and applied(stack, "replica") == applied(
        stack, "primary"
    )


@contextmanager
def standby_held(stack: RunningStack) -> Iterator[None]:
    """Keep the standby from receiving anything: it could not apply later what never arrived."""
    passwords = stack.servers / "postgres/replicator.pgpass"
    away = passwords.with_suffix(".away")
    passwords.rename(away)
    ask(stack, "primary", "SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
    try:
        yield
    finally:
        away.rename(passwords)


def done(stack: RunningStack, *arguments: str) -> dict[str, Any]:
    ran = stack.messaging(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def rejoined(stack: RunningStack) -> str:
    how: str = done(stack, "stack", "rejoin", "--yes")["how"]
    wait_until(lambda: follows(stack), 30)
    stack.wait_ready(60)
    return how


def test_a_standby_held_5000_events_behind_is_promoted_and_nothing_is_lost(
    pair: RunningStack,
) -> None:
    with chat(pair) as talk:
        talk.send(25)
        talk.await_complete()
        wait_until(lambda: follows(pair), 30)
        with standby_held(pair):
            talk.send(1250)
            wait_until(lambda: applied(pair, "primary") == in_queue(pair), 60)
            assert in_queue(pair) - applied(pair, "replica") == 5000
            before = timeline(pair)
            pair.kill("primary")
            told = done(pair, "stack", "promote", "--give-up", "--yes")
        assert told == {
            "serves": True,
            "caught_up": True,
            "events_applied_again": 5000,
            "events_lost": 0,
            "returned_accounts": [],
        }
        assert timeline(pair) > before
        talk.await_complete()
        # Reads go on without a standby, and so do writes.
        talk.send(5)
        talk.await_complete()
        assert rejoined(pair) == "rewound"
        talk.send(5)
        talk.await_complete()
        wait_until(lambda: follows(pair), 30)
    assert list((pair.servers / "postgres").glob("replaced-*")) == []
