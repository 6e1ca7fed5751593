"""What every statement of the query API must be, for PGPool to send it to the standby."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import literal_column, select

from query_api.reads import (
    conversations,
    events,
    message_queries,
    replica,
    search,
    sessions,
    stamps,
    stream_marks,
    stream_queries,
    stream_recent,
    unread,
)
from query_api.reads.freshness import Query
from query_api.reads.statements import Statement

# All of them immutable or stable in Postgres's own catalogue.
_FUNCTIONS = {
    *("to_char", "timezone", "coalesce", "greatest", "unnest", "cast", "exists", "sum"),
    *("plainto_tsquery", "regexp_replace", "lower", "upper", "replace", "normalize"),
    *("conversation_hash", "left", "array_agg", "count"),
}
_WORDS_BEFORE_PARENTHESES = {
    "as",
    "and",
    "or",
    "not",
    "in",
    "from",
    "join",
    "where",
    "when",
    "materialized",
    "select",
    "lateral",
    "all",
}


def _queries() -> Iterator[Query]:
    yield from message_queries.PAGES.values()
    yield from conversations._PAGES.values()
    yield message_queries.LAST_FROM_EITHER
    yield message_queries.LAST_FROM_PEER
    yield message_queries.UNREAD
    yield message_queries.ONE
    yield message_queries.ONE_OR_TOMBSTONE
    yield unread._UNREAD
    yield events._EVENT
    yield from search._PAGES.values()
    yield stamps.ACCOUNT
    yield stamps.CONVERSATION


STATEMENTS = [
    *(statement for query in _queries() for statement in (query.at_once, query.tested)),
    sessions._FIND,
    replica._ANYTHING,
    stream_queries.AFTER,
    stream_recent.RECENT,
    stream_marks.NOW,
    stream_marks.REVISIONS,
    stream_marks.CHECKPOINTS,
]


def test_every_statement_only_selects() -> None:
    assert len(STATEMENTS) > 30
    for statement in STATEMENTS:
        assert statement.sql.startswith(("SELECT ", "WITH head AS MATERIALIZED"))
        words = set(re.findall(r"[a-z_]+", re.sub("'[^']*'", "", statement.sql.lower())))
        assert not words & {"insert", "update", "delete", "for", "into", "set", "values", "lock"}
        assert not re.search(r"--|/\*|;", statement.sql)


def test_no_statement_calls_a_volatile_function() -> None:
    for statement in STATEMENTS:
        called = set(re.findall(r"([a-z_]+) ?\(", statement.sql.lower()))
        assert called <= _FUNCTIONS | _WORDS_BEFORE_PARENTHESES | {"token", "known"}


def test_constants_are_not_sent_as_parameters() -> None:
    with pytest.raises(TypeError, match="literal columns"):
        Statement(select(literal_column("1")).where(literal_column("2") == 3))


def test_a_page_is_tested_in_the_statement_that_reads_it() -> None:
    for query in _queries():
        assert "event_log.checkpoint" in query.tested.sql
        assert "event_log.queue_epoch" in query.tested.sql
        assert "event_log.checkpoint" not in query.at_once.sql
