"""The Prefer header: waits are found, bounded, and never an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.preferences import wait_requested, wait_seconds

pytestmark = pytest.mark.unit


@given(header=st.text(max_size=2_000))
def test_any_header_gives_a_wait_within_bounds(header: str) -> None:
    assert 0 <= wait_seconds(header, 2.0) <= 10


@given(seconds=st.integers(0, 10**40))
def test_a_wait_over_ten_counts_as_ten(seconds: int) -> None:
    assert wait_requested(f"wait={seconds}") == min(seconds, 10)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=5", 5),
        ("wait=0", 0),
        ("wait=007", 7),
        ('wait="5"', 5),
        ("Wait = 5", 5),
        ("respond-async, wait=5", 5),
        ("wait=5, wait=9", 5),
        ("wait=x, wait=9", 9),
        ("wait=5; foo=bar", 5),
        ('foo="a, wait=3", wait=4', 4),
        ('foo="a\\", wait=3", wait=4', 4),
    ],
)
def test_a_wait_is_found(header: str, seconds: int) -> None:
    assert wait_requested(header) == seconds


@pytest.mark.parametrize(
    "header",
    [None, "", "wait", "wait=", "wait=-1", "wait=1.5", "wait=x", "waiting=3", "await=3", "wait=٣"],
)
def test_what_is_unreadable_is_ignored(header: str | None) -> None:
    assert wait_requested(header) is None
    assert wait_seconds(header, 2.0) == 2.0


def test_a_hostile_header_costs_no_time() -> None:
    assert wait_requested('"\\' * 4_000) is None
