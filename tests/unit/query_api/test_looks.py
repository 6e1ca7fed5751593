"""Looks for news: by turns within an account, shared where one shows what another wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from query_api.reads.errors import ReplicaUnavailableError
from query_api.reads.progress import Progress, Reached
from query_api.reads.stream import Change, Looked, News, StreamReads
from query_api.streaming.looks import Looks
from tests.running_stack import wait_until

pytestmark = pytest.mark.unit

LONGEST_S = 30


def looked(*offsets: int) -> Looked:
    places = {p: Reached(ms, 0).sortable() for p, ms in enumerate(offsets)}
    return Looked(places=places, number=sum(offsets), conversations=1)


def change(partition: int, ms: int) -> Change:
    data: Any = {"ms": ms}
    return Change(kind="message.sent", data=data, partition=partition, reached=Reached(ms, 0))


class Reads:
    """Finds all changes of two partitions behind a place; each look begins when it is let."""

    def __init__(self) -> None:
        self.news = News(changes=[], revision=1, looked=looked(9, 9))
        self.asked: list[str] = []
        self.let = threading.Semaphore(1_000)
        self.fails = False

    def after(self, me: str, _progress: Progress, _looked: Looked | None) -> News:
        self.asked.append(me)
        assert self.let.acquire(timeout=LONGEST_S)
        if self.fails:
            raise ReplicaUnavailableError
        return self.news

    def looks(self, patience_s: float = LONGEST_S) -> Looks:
        return Looks(cast("StreamReads", self), patience_s=patience_s)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(12) as threads:
        yield threads


def test_ten_streams_of_an_account_that_are_rung_at_once_look_twice(
    pool: ThreadPoolExecutor,
) -> None:
    reads = Reads()
    reads.let, looks = threading.Semaphore(0), reads.looks()
    reads.news = News(changes=[change(0, 8), change(1, 5)], revision=4, looked=looked(9, 9))
    first = pool.submit(looks.after, "me", {}, looked(1, 1))
    wait_until(lambda: len(reads.asked) == 1)
    others = [pool.submit(looks.after, "me", {}, looked(1, 1)) for _ in range(9)]
    wait_until(lambda: looks._turns["me"].waiting == 10)
    # Somebody else need not wait for them.
    somebody = pool.submit(looks.after, "somebody", {}, looked(1, 1))
    wait_until(lambda: reads.asked == ["me", "somebody"])
    reads.let.release(11)
    for one in (first, somebody, *others):
        assert one.result(LONGEST_S) == reads.news
    assert sorted(reads.asked) == ["me", "me", "somebody"]
    assert looks._turns == {}


def shared(reads: Reads, pool: ThreadPoolExecutor, *asked: Looked | None) -> list[News]:
    """Return what is told to those who ask while a look is under way, in this order."""
    reads.let, looks = threading.Semaphore(0), reads.looks()
    pool.submit(looks.after, "me", {}, looked(0, 0))
    wait_until(lambda: len(reads.asked) == 1)
    answers = []
    for number, one in enumerate(asked):
        answers.append(pool.submit(looks.after, "me", {}, one))
        wait_until(lambda number=number: looks._turns["me"].waiting == number + 2)  # type: ignore[misc]  # a default argument keeps the number
    reads.let.release(100)
    return [one.result(LONGEST_S) for one in answers]


def test_a_stream_that_is_further_takes_of_anothers_look_what_is_behind_its_own_place(
    pool: ThreadPoolExecutor,
) -> None:
    reads = Reads()
    reads.news = News(
        changes=[change(0, 3), change(1, 4), change(0, 8)], revision=4, looked=looked(9, 6)
    )
    told = shared(reads, pool, looked(2, 2), looked(3, 7))
    # Whichever has its turn first looks, and its look serves the other or does not.
    assert told[0].changes == reads.news.changes
    assert [one.reached.ms for one in told[1].changes if one.reached.ms > 7] == [8]
    assert told[1].revision == 4


def test_what_is_not_known_to_be_all_serves_nobody_else(pool: ThreadPoolExecutor) -> None:
    reads = Reads()
    reads.news = News(changes=[change(0, 3)], revision=4, looked=None)
    shared(reads, pool, looked(2, 2), looked(2, 2), looked(2, 2))
    assert len(reads.asked) == 4


def test_who_knows_no_place_looks_alone(pool: ThreadPoolExecutor) -> None:
    reads = Reads()
    shared(reads, pool, None, None, None)
    assert len(reads.asked) == 4


def test_who_waits_too_long_for_a_turn_gives_up(pool: ThreadPoolExecutor) -> None:
    reads = Reads()
    reads.let, looks = threading.Semaphore(0), reads.looks(patience_s=0.01)
    first = pool.submit(looks.after, "me", {}, None)
    wait_until(lambda: len(reads.asked) == 1)
    with pytest.raises(ReplicaUnavailableError):
        looks.after("me", {}, None)
    reads.let.release()
    assert first.result(LONGEST_S) == reads.news
    assert looks._turns == {}


def test_after_a_look_that_failed_the_next_has_its_turn() -> None:
    reads = Reads()
    looks = reads.looks()
    reads.fails = True
    with pytest.raises(ReplicaUnavailableError):
        looks.after("me", {}, looked(1, 1))
    reads.fails = False
    assert looks.after("me", {}, looked(1, 1)) == reads.news


def test_a_look_at_a_node_that_is_behind_takes_no_place_back() -> None:
    assert looked(5, 2).forth(looked(3, 4)).places == looked(5, 4).places
    assert looked(5, 2).forth(None) == looked(5, 2)
