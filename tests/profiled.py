"""What answers and logs tell of their cost, read for tests."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest

from runtime.settings import ProfileSettings

# Everything is slow.
PROFILE = ProfileSettings(enabled=True, slow_ms=0)
_TIMING = re.compile(
    r'total;dur=([0-9.]+), sql;dur=([0-9.]+);desc="(\d+) statements", '
    r'redis;dur=([0-9.]+);desc="(\d+) calls"'
)


class Cost(NamedTuple):
    """What the header `Server-Timing` says: milliseconds and counts."""

    total: float
    sql: float
    statements: int
    redis: float
    calls: int


def cost(headers: Any) -> Cost:  # of werkzeug or of httpx
    """Return what an answer with these headers cost; they must say it."""
    found = _TIMING.fullmatch(headers["Server-Timing"])
    assert found, headers["Server-Timing"]
    total, sql, statements, redis, calls = found.groups()
    told = Cost(float(total), float(sql), int(statements), float(redis), int(calls))
    assert told.sql + told.redis <= told.total
    return told


def slow_statements(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines of slow statements since the log was last read."""
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[:1] == "{"]
    return [line for line in lines if line["event"] == "profile.slow_statement"]
