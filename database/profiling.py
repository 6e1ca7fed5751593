"""Connections to Postgres that count what a request spends there, and explain what was slow.

psycopg2 puts a statement's values into it: what is kept, shown and explained here is the statement
before that, with placeholders. EXPLAIN without ANALYZE executes nothing, and runs when the
connection goes back into its pool, outside of every transaction of the service.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, cast
from uuid import UUID

import psycopg2
from psycopg2 import extensions

from runtime.logging import get_logger
from runtime.profiling import Executed, present, spending

_log = get_logger(__name__)

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|s|%)")
_HAS_A_PLAN = re.compile(r"\s*(?:SELECT|WITH|VALUES|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_INT4 = 2**31
# As psycopg2 writes values, so that Postgres takes a placeholder as it took the value.
_TYPES: Mapping[type, str] = {
    UUID: "uuid",
    bool: "boolean",
    float: "double precision",
    datetime: "timestamptz",
    bytes: "bytea",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Slow:
    executed: Executed
    # None where it is no single statement that has a plan.
    explainable: str | None


class ProfiledConnection(extensions.connection):
    """A connection whose statements are counted; what is slow is kept until `explain`."""

    def __init__(self, *args: Any, slow_ms: int, **kwargs: Any) -> None:
        """Connect, which takes time but is no statement; what takes `slow_ms` is slow."""
        self._slow_seconds = slow_ms / 1000
        self._slow: list[_Slow] = []
        with spending("sql", count=0):
            super().__init__(*args, **kwargs)
        self.cursor_factory = _Cursor

    def commit(self) -> None:
        """Commit, which takes time but is no statement."""
        with spending("sql", count=0):
            super().commit()

    def rollback(self) -> None:
        """Roll back, as `commit` does."""
        with spending("sql", count=0):
            super().rollback()

    def close(self) -> None:
        """Close; what was slow and is not explained yet is logged without a plan."""
        super().close()
        self.explain()

    @contextmanager
    def counting(self, query: object, values: Any) -> Iterator[None]:
        """Count the statement that the block executes, however it ends."""
        started = time.perf_counter()
        try:
            with spending("sql"):
                yield
        finally:
            self._ran(_text(query), values, time.perf_counter() - started)

    def explain(self) -> None:
        """Log each statement that was slow since the last time, with its plan; never raises."""
        slow, self._slow = self._slow, []
        for one in slow:
            executed = replace(one.executed, **self._plan(one.explainable))
            _remember(executed)
            _log.warning(
                "profile.slow_statement",
                statement=executed.statement,
                duration_ms=round(executed.seconds * 1000, 3),
                plan=executed.plan,
                no_plan=executed.no_plan,
            )

    def _ran(self, statement: str, values: Any, seconds: float) -> None:
        executed = Executed(statement=statement, seconds=seconds)
        if seconds < self._slow_seconds:
            _remember(executed)
        else:
            self._slow.append(_Slow(executed=executed, explainable=explainable(statement, values)))

    def _plan(self, statement: str | None) -> Mapping[str, Any]:
        if statement is None:
            return {"no_plan": "no single SELECT, INSERT, UPDATE or DELETE"}
        try:
            # A cursor that counts nothing; in autocommit or in a transaction, as the connection is.
            with self.cursor(cursor_factory=extensions.cursor) as cursor:
                cursor.execute(f"EXPLAIN (GENERIC_PLAN) {statement}")
                plan = [line for (line,) in cursor.fetchall()]
            super().rollback()
        except psycopg2.Error as error:
            # Its words would quote the statement.
            return {"no_plan": error.pgcode or type(error).__name__}
        return {"plan": plan}


class _Cursor(extensions.cursor):
    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002  # psycopg2's
        with cast("ProfiledConnection", self.connection).counting(query, vars):
            super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        values = list(vars_list)
        first = values[0] if values else None
        with cast("ProfiledConnection", self.connection).counting(query, first):
            super().executemany(query, values)


def explainable(query: str, values: Any) -> str | None:
    """Return a statement as EXPLAIN (GENERIC_PLAN) takes it: $1, $2 ... for its values.

    None where it has no plan, or where there might be a second statement in it, which EXPLAIN in
    front of the first would execute.

    Args:
        query: The statement with psycopg2's placeholders.
        values: What psycopg2 would put in, of which the types alone are shown; None: nothing.
    """
    statement = query.strip().removesuffix(";")
    if ";" in statement or not _HAS_A_PLAN.match(statement):
        return None
    if values is None:  # psycopg2 leaves such a statement as it is.
        return statement
    numbers = count(1)

    def placed(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        number = next(numbers)
        return f"${number}{_cast(values[found[1] or number - 1])}"

    return _PLACEHOLDER.sub(placed, statement)


def _cast(value: object) -> str:
    if isinstance(value, list):
        inner = _cast(value[0]) if value else ""
        inner = "::text" if value and isinstance(value[0], str) else inner
        return f"{inner}[]" if inner else ""
    if type(value) is int:
        return "::integer" if -_INT4 <= value < _INT4 else "::bigint"
    name = _TYPES.get(type(value))
    return f"::{name}" if name else ""


def _text(query: object) -> str:
    # Anything but text could show values.
    return query if isinstance(query, str) else type(query).__name__


def _remember(executed: Executed) -> None:
    profile = present()
    if profile is not None and profile.executed is not None:
        profile.executed.append(executed)
