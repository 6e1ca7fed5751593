"""Times: aware, UTC, microseconds, Z."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.clock import parse_rfc3339, rfc3339

moments = st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone


@given(moments)
def test_a_moment_reads_back(moment: datetime) -> None:
    assert parse_rfc3339(rfc3339(moment)) == moment


def test_microseconds_and_z_are_always_there() -> None:
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 2, 3, tzinfo=east)) == "2026-01-02T01:00:00.000000Z"


def test_naive_moments_are_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        rfc3339(datetime(2026, 1, 2))  # noqa: DTZ001  # that is the point
    with pytest.raises(ValueError, match="zone"):
        parse_rfc3339("2026-01-02T03:04:05")
