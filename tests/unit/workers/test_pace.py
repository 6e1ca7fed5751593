"""The pace of long work: how long it waits, who is told, and that it can be stopped."""

from __future__ import annotations

import threading

import pytest

from workers.pace import InterruptedWorkError, Pace, Unwatched

AGES = 10**9


class Counting(Unwatched):
    def __init__(self) -> None:
        self.events = 0

    def advance(self, events: int) -> None:
        self.events += events


def test_without_a_cap_it_only_tells() -> None:
    viewer = Counting()
    pace = Pace(viewer=viewer)
    for _ in range(3):
        pace.done(AGES)
    assert viewer.events == 3 * AGES


def test_a_cap_makes_each_wait_until_all_before_it_are_due() -> None:
    waited = threading.Event()
    pace = Pace(rate=1)
    threads = [threading.Thread(target=_until_stopped, args=[pace, waited]) for _ in range(3)]
    for thread in threads:
        thread.start()
    threads[0].join(0.2)
    assert all(thread.is_alive() for thread in threads)
    pace.stop()
    for thread in threads:
        thread.join(30)
    assert waited.is_set()
    assert not any(thread.is_alive() for thread in threads)


def _until_stopped(pace: Pace, waited: threading.Event) -> None:
    try:
        pace.done(AGES)
    except InterruptedWorkError:
        waited.set()


def test_what_is_stopped_is_told_of_and_then_interrupted() -> None:
    viewer = Counting()
    pace = Pace(viewer=viewer)
    pace.check()
    pace.stop()
    with pytest.raises(InterruptedWorkError):
        pace.done(5)
    with pytest.raises(InterruptedWorkError):
        pace.check()
    assert viewer.events == 5
