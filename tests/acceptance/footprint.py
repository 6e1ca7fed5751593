"""What a stack has taken in: to show that something had no effect."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from tests.running_stack import RunningStack, wait_until

_TABLES = (
    "SELECT schemaname, tablename FROM pg_tables"
    " WHERE schemaname IN ('identity', 'event_log', 'read_model') ORDER BY 1, 2"
)
# Independent of the order of rows, and quick enough to be asked twice a test.
_SUM = 'SELECT count(*), sum(hashtextextended(t::text, 0)) FROM "{}"."{}" t'


def footprint(stack: RunningStack) -> Mapping[str, Any]:
    """Return the numbers of the event queues and a sum of every table, all events applied."""
    with closing(stack.connect("postgres")) as connection, connection.cursor() as cursor:

        def applied() -> dict[int, int]:
            cursor.execute("SELECT partition, number FROM event_log.checkpoint WHERE number > 0")
            return dict(cursor.fetchall())

        wait_until(lambda: _numbers(stack) == applied())
        cursor.execute(_TABLES)
        sums: dict[str, Any] = {"queues": _numbers(stack)}
        for schema, table in cursor.fetchall():
            cursor.execute(_SUM.format(schema, table))
            sums[f"{schema}.{table}"] = cursor.fetchone()
    return sums


def queued(stack: RunningStack) -> int:
    """Return how many events the queues have ever taken."""
    return sum(_numbers(stack).values())


def _numbers(stack: RunningStack) -> dict[int, int]:
    with closing(stack.redis("worker")) as redis:
        found: Any = redis.hgetall("queue:numbers")
    return {int(partition): int(number) for partition, number in found.items() if int(number)}
