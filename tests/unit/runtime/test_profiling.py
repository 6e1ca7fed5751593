"""What a request spends: counted in its own thread, waiting within waiting once."""

from __future__ import annotations

import threading

import pytest

from runtime import profiling
from runtime.profiling import Profile, counted, spending

pytestmark = pytest.mark.unit


@pytest.fixture
def profile() -> Profile:
    return profiling.begin()


def test_each_part_is_counted_by_itself(profile: Profile) -> None:
    for _ in range(2):
        with spending("sql"):
            pass
    with spending("redis", count=0):
        pass
    assert (profile.sql.count, profile.redis.count) == (2, 0)
    assert profile.sql.seconds > 0
    assert profile.redis.seconds > 0


def test_what_waits_within_is_part_of_what_waits_around(profile: Profile) -> None:
    with spending("redis"), spending("redis"), spending("sql"):
        pass
    assert (profile.redis.count, profile.sql.count) == (1, 0)


def test_an_error_counts_and_passes(profile: Profile) -> None:
    with pytest.raises(KeyError), spending("sql"):
        raise KeyError
    with spending("sql"):
        pass
    assert profile.sql.count == 2


def test_a_call_counts_and_answers(profile: Profile) -> None:
    assert counted("redis", max)(1, 2) == 2
    assert profile.redis.count == 1


def test_a_thread_of_its_own_counts_nothing(profile: Profile) -> None:
    def work() -> None:
        assert profiling.present() is None
        with spending("sql"):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert profile.sql.count == 0


def test_a_profile_that_has_ended_grows_no_more(profile: Profile) -> None:
    assert profiling.end() is profile
    with spending("sql"):
        pass
    assert profile.sql.count == 0
    assert profiling.end() is None
