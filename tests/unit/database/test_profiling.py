"""How a statement is explained: its values never in it, and nothing that EXPLAIN would execute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from database.profiling import explainable

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("query", "values", "explained"),
    [
        ("SELECT 1", None, "SELECT 1"),
        ("  SELECT 1;", {}, "SELECT 1"),
        ("SELECT '%'", None, "SELECT '%'"),
        ("SELECT '%%' || %s", ("a",), "SELECT '%' || $1"),
        ("SELECT %(a)s, %(b)s, %(a)s", {"a": "x", "b": 1}, "SELECT $1, $2::integer, $3"),
        ("SELECT %s, %s", [2**40, True], "SELECT $1::bigint, $2::boolean"),
        ("DELETE FROM t WHERE id = %s", [UUID(int=1)], "DELETE FROM t WHERE id = $1::uuid"),
        ("SELECT %s", [datetime.now(UTC)], "SELECT $1::timestamptz"),
        ("SELECT ANY(%s)", [[UUID(int=1)]], "SELECT ANY($1::uuid[])"),
        ("SELECT ANY(%s)", [["a"]], "SELECT ANY($1::text[])"),
        ("SELECT ANY(%s)", [[]], "SELECT ANY($1)"),
        ("SELECT %s", [None], "SELECT $1"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", None, "WITH a AS (SELECT 1) SELECT * FROM a"),
    ],
)
def test_placeholders_take_the_place_of_values(query: str, values: Any, explained: str) -> None:
    assert explainable(query, values) == explained


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; DELETE FROM t",
        "SELECT ';'",
        "BEGIN",
        "SHOW POOL_NODES",
        "SET x = 1",
        "EXPLAIN ANALYZE DELETE FROM t",
        "CREATE TABLE t AS SELECT 1",
        "",
    ],
)
def test_what_might_be_executed_is_not_explained(query: str) -> None:
    assert explainable(query, None) is None
