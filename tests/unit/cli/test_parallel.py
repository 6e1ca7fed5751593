"""Work in several threads: lanes keep their order, one failure ends all."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cli.demo.errors import StoppedError
from cli.demo.parallel import Stop, for_each


def test_every_item_is_worked_on_once() -> None:
    done: list[int] = []
    for_each(range(500), done.append, threads=4, stop=Stop())
    assert sorted(done) == list(range(500))


def test_items_of_a_lane_keep_their_order() -> None:
    done: list[int] = []
    for_each(range(500), done.append, threads=4, stop=Stop(), lane_of=lambda item: item % 10)
    for lane in range(10):
        assert [item for item in done if item % 10 == lane] == list(range(lane, 500, 10))


def test_the_first_failure_is_raised_and_ends_the_others() -> None:
    stop = Stop()

    def work(item: int) -> None:
        if item == 3:
            raise ValueError("three")
        stop.pause(30)

    with pytest.raises(ValueError, match="three"):
        for_each(range(10_000), work, threads=4, stop=stop)


def test_a_source_that_fails_ends_the_work() -> None:
    stop = Stop()

    def source() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for_each(source(), lambda _item: stop.pause(30), threads=2, stop=stop)
    assert stop.is_set()


def test_a_pause_ends_when_stopped() -> None:
    stop = Stop()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(StoppedError):
        stop.pause(30)
