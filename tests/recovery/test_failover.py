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


def names_changed(stack: RunningStack) -> int:
    return int(ask(stack, "primary", "SELECT revision FROM identity.directory_revision"))


def in_queue(stack: RunningStack) -> int:
    return sum(map(int, stack.redis("worker").hgetall("queue:numbers").values()))


def timeline(stack: RunningStack) -> int:
    return int(str(ask(stack, "primary", "SELECT pg_walfile_name(pg_current_wal_lsn())"))[:8], 16)


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
            before, tags = timeline(pair), names_changed(pair)
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
        # No entity tag of before can confirm what is shown now.
        assert names_changed(pair) > tags + 2**31
        talk.await_complete()
        # Reads go on without a standby, and so do writes.
        talk.send(5)
        talk.await_complete()
        assert rejoined(pair) == "rewound"
        talk.send(5)
        talk.await_complete()
        wait_until(lambda: follows(pair), 30)
    assert list((pair.servers / "postgres").glob("replaced-*")) == []


def refusal(stack: RunningStack, *arguments: str) -> str:
    ran = stack.messaging(*arguments)
    assert ran.returncode == 1, ran.stdout
    return ran.stderr.splitlines()[-1]


def test_a_primary_that_answers_is_not_replaced_without_a_word(pair: RunningStack) -> None:
    before = timeline(pair)
    assert "--planned" in refusal(pair, "stack", "promote", "--yes")
    wrong = pair.messaging("stack", "promote", "--planned", "--give-up", "--yes")
    assert wrong.returncode == 2
    unconfirmed = pair.messaging("stack", "promote", "--give-up")
    assert unconfirmed.returncode == 1
    assert timeline(pair) == before
    assert follows(pair)


def test_a_planned_exchange_loses_nothing_accounts_included(pair: RunningStack) -> None:
    with chat(pair) as talk:
        talk.send(50)
        told = done(pair, "stack", "promote", "--planned", "--yes")
        assert told["events_applied_again"] == 0
        assert rejoined(pair) == "rewound"
        assert rejoined(pair) == "follows"
        talk.log_in_again()
        talk.send(5)
        talk.await_complete()


def test_a_standby_that_does_not_follow_is_not_promoted_as_planned(pair: RunningStack) -> None:
    before = timeline(pair)
    with standby_held(pair):
        wait_until(lambda: not follows(pair), 10)
        assert "rejoin" in refusal(pair, "stack", "promote", "--planned", "--yes")
    assert timeline(pair) == before
    wait_until(lambda: follows(pair), 30)


def test_where_the_queue_forgot_what_the_standby_lacks_the_primary_stays(
    pair: RunningStack,
) -> None:
    with chat(pair) as talk:
        with standby_held(pair):
            talk.send(10)
            wait_until(lambda: applied(pair, "primary") == in_queue(pair), 60)
            for partition in range(16):
                pair.redis("worker").xtrim(f"queue:{partition}", maxlen=0, approximate=False)
            told = refusal(pair, "stack", "promote", "--give-up", "--yes")
            assert "40 events that the standby lacks" in told
        wait_until(lambda: follows(pair), 60)
        talk.await_complete()


def test_an_interrupted_promotion_is_completed_by_up(pair: RunningStack) -> None:
    """The folders are as a kill between fencing and exchanging leaves them."""
    with chat(pair) as talk:
        talk.send(10)
        talk.await_complete()
        wait_until(lambda: follows(pair), 30)
        before = timeline(pair)
        base = pair.servers / "postgres"
        (base / "promoting").write_text("replaced-by-hand\n")
        assert "under way" in refusal(pair, "stack", "rejoin", "--yes")
        pair.up()
        assert timeline(pair) > before
        assert not (base / "promoting").exists()
        assert (base / "replaced-by-hand").exists()
        wait_until(lambda: follows(pair), 30)
        # `up` has copied the primary rather than touch what the old one may alone have.
        left = done(pair, "stack", "rejoin", "--yes")["left"]
        assert left == [str(base / "replaced-by-hand")]
        talk.await_complete()


def test_data_of_the_primary_that_are_gone_are_not_replaced_by_nothing(pair: RunningStack) -> None:
    with chat(pair) as talk:
        talk.send(10)
        talk.await_complete()
        wait_until(lambda: follows(pair), 30)
        pair.down()
        (pair.servers / "postgres/primary").rename(pair.servers / "postgres/gone")
        told = pair.messaging("up")
        assert told.returncode == 1
        assert "messaging stack promote" in told.stderr
        assert done(pair, "stack", "promote", "--yes")["serves"] is False
        pair.up()
        talk.log_in_again()
        talk.send(5)
        talk.await_complete()
        assert rejoined(pair) == "follows"


def test_an_account_whose_deletion_the_standby_lacks_is_named_and_deleted_again(
    pair: RunningStack,
) -> None:
    with chat(pair, people=2) as talk:
        talk.send(5)
        talk.await_complete()
        wait_until(lambda: follows(pair), 30)
        gone = talk.names[0]
        letters = int(ask(pair, "primary", "SELECT count(*) FROM event_log.dead_letter"))
        with standby_held(pair):
            done(pair, "accounts", "delete", gone, "--yes")
            wait_until(lambda: named(pair, gone) == 0, 30)
            told = done(pair, "stack", "promote", "--give-up", "--yes")
        assert told["returned_accounts"] == [gone]
        assert named(pair, gone) == 1
        done(pair, "accounts", "delete", gone, "--yes")
        wait_until(lambda: named(pair, gone) == 0, 30)
        assert ask(pair, "primary", "SELECT count(*) FROM event_log.dead_letter") == letters
        rejoined(pair)


def named(stack: RunningStack, username: str) -> int:
    """Return how many accounts hold the name."""
    held = f"SELECT count(*) FROM identity.account WHERE username = '{username}'"
    return int(ask(stack, "primary", held))
