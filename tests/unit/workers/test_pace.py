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
    waits: list[float] = []
    pace = Pace(rate=2, clock=lambda: 100.0, wait=lambda _, seconds: waits.append(seconds))
    threads = [threading.Thread(target=pace.done, args=[2]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [1, 2, 3]


def test_time_that_was_not_used_is_not_made_up_for() -> None:
    now = 100.0
    waits: list[float] = []
    pace = Pace(rate=1, clock=lambda: now, wait=lambda _, seconds: waits.append(seconds))
    pace.done(1)
    now = 200.0
    pace.done(1)
    assert waits == [1, 1]


def test_who_waits_goes_at_the_stop() -> None:
    waited = threading.Event()
    pace = Pace(rate=1)
    thread = threading.Thread(target=_until_stopped, args=[pace, waited])
    thread.start()
    pace.stop()
    thread.join(30)
    assert waited.is_set()
    with pytest.raises(InterruptedWorkError):
        pace.rest(AGES)


@pytest.mark.parametrize(
    ("rate", "portion"), [(None, 500), (0.5, 1), (1, 1), (20.9, 20), (9_000, 500)]
)
def test_slow_is_small(rate: float | None, portion: int) -> None:
    assert Pace(rate=rate).portion(500) == portion


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
