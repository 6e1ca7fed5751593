"""Promotions that go wrong, are interrupted, or have much to make good; `make test-long`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.recovery.chat import Chat, chat
from tests.recovery.pages import Page
from tests.recovery.pair import Pair
from tests.running_stack import wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1200)]


def test_a_standby_held_5000_events_behind_is_promoted_and_nothing_is_lost(
    pair: Pair, talk: Chat
) -> None:
    talk.send(25)
    talk.await_complete()
    wait_until(pair.follows, 60)
    with pair.standby_held():
        talk.send(1250)
        wait_until(pair.all_applied, 120)
        assert pair.in_queue() - pair.applied("replica") >= 5000
        pair.stack.kill("primary")
        told = pair.done("stack", "promote", "--give-up", "--yes")
    assert told["events_applied_again"] >= 5000
    assert (told["caught_up"], told["events_lost"]) == (True, 0)
    talk.await_complete()
    assert pair.rejoined() == "rewound"
    assert pair.is_well(talk)


def test_a_primary_whose_data_are_lost_is_replaced_as_the_page_says(
    pair: Pair, talk: Chat, tmp_path: Path
) -> None:
    assert shutil.which("curl"), "the page uses curl"
    page = Page("primary-lost.md", pair.stack, tmp_path)
    (pair.base / "primary").rename(tmp_path / "lost")
    pair.stack.kill("primary")
    page.all("status", "logs primary", "stack promote --yes")
    assert "copied" in page.next("stack rejoin --yes")
    assert pair.is_well(talk)


def test_a_standby_whose_data_are_lost_is_copied(pair: Pair, talk: Chat, tmp_path: Path) -> None:
    (pair.base / "replica").rename(tmp_path / "lost")
    pair.stack.kill("replica")
    assert pair.rejoined() == "copied"
    assert pair.is_well(talk)


def test_a_primary_that_answers_is_not_replaced_without_a_word(pair: Pair) -> None:
    before = pair.timeline()
    assert "--planned" in pair.refusal("stack", "promote", "--yes")
    wrong = pair.stack.messaging("stack", "promote", "--planned", "--give-up", "--yes")
    assert wrong.returncode == 2
    unconfirmed = pair.stack.messaging("stack", "promote", "--give-up")
    assert unconfirmed.returncode == 1
    assert pair.timeline() == before
    assert pair.follows()


def test_a_planned_exchange_loses_nothing_accounts_included(pair: Pair) -> None:
    with chat(pair.stack) as talk:
        talk.send(50)
        told = pair.done("stack", "promote", "--planned", "--yes")
        assert told["events_lost"] == 0
        assert pair.rejoined() == "rewound"
        assert pair.rejoined() == "follows"
        assert pair.is_well(talk)


def test_a_standby_that_does_not_follow_is_not_promoted_as_planned(pair: Pair) -> None:
    before = pair.timeline()
    with pair.standby_held():
        wait_until(lambda: not pair.follows(), 10)
        assert "rejoin" in pair.refusal("stack", "promote", "--planned", "--yes")
    assert pair.timeline() == before
    wait_until(pair.follows, 60)


def test_where_the_queue_forgot_what_the_standby_lacks_the_primary_stays(
    pair: Pair, talk: Chat
) -> None:
    with pair.standby_held():
        talk.send(10)
        wait_until(pair.all_applied, 60)
        for partition in range(pair.partitions):
            pair.stack.redis("worker").xtrim(f"queue:{partition}", maxlen=0, approximate=False)
        told = pair.refusal("stack", "promote", "--give-up", "--yes")
        assert "events that the standby lacks" in told
    wait_until(pair.follows, 60)
    assert pair.is_well(talk)


def test_an_interrupted_promotion_is_completed_by_up(pair: Pair, talk: Chat) -> None:
    """The folders are as a kill between fencing and exchanging leaves them."""
    talk.send(10)
    talk.await_complete()
    wait_until(pair.follows, 60)
    before = pair.timeline()
    (pair.base / "promoting").write_text("replaced-by-hand\n")
    assert "under way" in pair.refusal("stack", "rejoin", "--yes")
    pair.stack.up()
    assert pair.timeline() > before
    assert not (pair.base / "promoting").exists()
    wait_until(pair.follows, 60)
    # `up` has copied the primary rather than touch what the old one may alone have.
    left = pair.done("stack", "rejoin", "--yes")["left"]
    assert left == [str(pair.base / "replaced-by-hand")]
    assert pair.is_well(talk)
    shutil.rmtree(pair.base / "replaced-by-hand")


def test_data_of_the_primary_that_are_gone_are_not_replaced_by_nothing(
    pair: Pair, talk: Chat
) -> None:
    talk.send(10)
    talk.await_complete()
    wait_until(pair.follows, 60)
    pair.stack.down()
    (pair.base / "primary").rename(pair.base / "gone")
    told = pair.stack.messaging("up")
    assert told.returncode == 1
    assert "messaging stack promote" in told.stderr
    assert pair.done("stack", "promote", "--yes")["serves"] is False
    pair.stack.up()
    assert pair.is_well(talk)
    shutil.rmtree(pair.base / "gone")


def test_an_account_whose_deletion_the_standby_lacks_is_named_and_deleted_again(
    pair: Pair,
) -> None:
    with chat(pair.stack, people=2) as talk:
        talk.send(5)
        talk.await_complete()
        wait_until(pair.follows, 60)
        gone = talk.names[0]
        with pair.standby_held():
            pair.done("accounts", "delete", gone, "--yes")
            wait_until(lambda: pair.named(gone) == 0, 30)
            told = pair.done("stack", "promote", "--give-up", "--yes")
        assert told["returned_accounts"] == [gone]
        assert pair.named(gone) == 1
        pair.done("accounts", "delete", gone, "--yes")
        wait_until(lambda: pair.named(gone) == 0, 30)
        assert told["parked"] == 0
        pair.rejoined()
        assert pair.done("stack", "show")["parked"] == 0


def test_pauses_are_as_the_standby_had_them_and_nobody_waits_for_what_is_paused(
    pair: Pair, talk: Chat
) -> None:
    pair.done("events", "pause", "all")
    wait_until(pair.follows, 60)
    with pair.standby_held():
        pair.done("events", "resume", "all")
        talk.send(10)
        # Not what is shown: that comes from the standby.
        wait_until(pair.all_applied, 90)
        told = pair.done("stack", "promote", "--give-up", "--yes")
    assert told["paused_partitions"] == list(range(pair.partitions))
    assert told["caught_up"] is True
    assert not talk.is_complete()
    pair.done("events", "resume", "all")
    talk.await_complete()
    assert pair.rejoined() == "rewound"
    assert pair.is_well(talk)


def test_a_rebuild_that_the_standby_had_in_part_goes_on_there(pair: Pair, talk: Chat) -> None:
    """The swap, at the old primary alone, is undone; the rebuild goes on from what is there."""
    talk.send(100)
    talk.await_complete()
    pair.done("events", "rebuild", "--no-swap")
    wait_until(pair.follows, 60)
    with pair.standby_held():
        talk.send(25)
        wait_until(pair.all_applied, 90)
        pair.done("events", "rebuild", "--yes")
        pair.done("stack", "promote", "--give-up", "--yes")
    talk.await_complete()
    pair.done("events", "rebuild", "--yes")
    talk.await_complete()
    verified = pair.stack.messaging("events", "verify")
    assert verified.returncode == 0, verified.stdout
    pair.done("events", "rebuild", "--discard", "--yes")
    assert pair.rejoined() == "rewound"
    assert pair.is_well(talk)
