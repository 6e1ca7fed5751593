"""What went wrong: the table of faults, and how long to wait."""

from __future__ import annotations

from typing import ClassVar

import psycopg2
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from events.append import QueueUnavailableError
from events.contracts.base import PoisonEventError, read_field
from runtime.clock import parse_rfc3339
from workers.back_off import delay
from workers.faults import (
    Fault,
    PoisonLimitError,
    classify,
    first_line,
    storable,
    traceback_of,
)

CODES: dict[str, Fault] = {
    "08006": "transient",  # connection failure
    "40P01": "transient",  # deadlock detected
    "40001": "transient",  # serialization failure
    "25006": "transient",  # read-only transaction
    "25P03": "transient",  # idle in transaction for too long
    "53100": "transient",  # disk full
    "53200": "transient",  # out of memory
    "53300": "transient",  # too many connections
    "53400": "transient",  # temporary files beyond their limit
    "57014": "transient",  # statement timeout
    "57P01": "transient",  # shut down by an administrator
    "57P02": "transient",  # crash of another backend
    "57P03": "transient",  # starting up
    "55P03": "transient",  # lock timeout
    "58030": "transient",  # input or output error
    "XX001": "transient",  # a damaged page
    "22001": "poison",  # text too long
    "22021": "poison",  # no such character
    "22P02": "poison",  # no such text representation
    "23505": "poison",  # duplicate key
    "23514": "poison",  # check violated
    "42P01": "unknown",  # no such table: the code and the schema differ
    "42501": "unknown",  # not permitted
    "XX000": "unknown",  # internal error
}


WRITTEN = 'my "secret"\nis 1234'


class FakeError(psycopg2.Error):
    """What psycopg2 raises, with a code of our choice, which it sets only itself."""

    pgcode: ClassVar[str]  # type: ignore[misc]  # read-only in psycopg2


def database_error(code: str, *, lost: bool = False) -> DBAPIError:
    kind = type("Coded", (FakeError,), {"pgcode": code})
    return DBAPIError("SELECT", {}, kind("said the server"), connection_invalidated=lost)


@pytest.mark.parametrize(("code", "fault"), CODES.items())
def test_the_code_of_the_database_says_what_kind_of_fault_it_is(code: str, fault: Fault) -> None:
    assert classify(database_error(code)) == fault


def test_an_error_that_cost_the_connection_is_no_fault_of_the_event() -> None:
    assert classify(database_error("XX000", lost=True)) == "transient"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OperationalError("SELECT", {}, psycopg2.OperationalError("gone")), "transient"),
        (DBAPIError("SELECT", {}, psycopg2.InterfaceError("closed")), "transient"),
        (DBAPIError("SELECT", {}, psycopg2.ProgrammingError("ours")), "unknown"),
        (QueueUnavailableError(), "transient"),
        (RedisConnectionError(), "transient"),
        (PoolTimeoutError(), "transient"),
        (MemoryError(), "transient"),
        (ConnectionResetError(), "transient"),
        (PoisonEventError("unreadable"), "poison"),
        (PoisonLimitError("too many"), "poison"),
        (ValueError("A string literal cannot contain NUL"), "unknown"),
        (KeyError("a bug"), "unknown"),
        (RecursionError(), "unknown"),
    ],
    ids=repr,
)
def test_an_error_of_a_library_or_of_ours_is_told_apart(error: Exception, fault: Fault) -> None:
    assert classify(error) == fault


def test_a_reason_is_one_line_that_postgres_can_store() -> None:
    assert first_line(ValueError("first\nsecond")) == "ValueError: first"
    assert first_line(KeyError()) == "KeyError"
    refused = DBAPIError("INSERT 'secret'", {}, FakeError("refused\nDETAIL: secret"))
    assert first_line(refused) == "refused"
    assert storable("a\x00b\ud800") == "a\\x00b\\ud800"


def test_a_reason_quotes_nothing_of_the_event() -> None:
    quoting = ValueError(f"Invalid isoformat string: '{WRITTEN}'")
    assert first_line(quoting) == "ValueError: Invalid isoformat string: '…'"
    with pytest.raises(PoisonEventError) as raised:
        read_field({"time": WRITTEN}, "time", parse_rfc3339)
    assert "time is unusable" in first_line(raised.value)
    assert "secret" not in first_line(raised.value) + traceback_of(raised.value)


def test_a_traceback_tells_each_cause_once_and_quotes_none() -> None:
    first, second = KeyError(WRITTEN), RuntimeError(f"said '{WRITTEN}' aloud")
    first.__cause__ = second
    try:
        raise second from first
    except RuntimeError as error:
        told = traceback_of(error)
    assert "secret" not in told
    assert told.count("Traceback (most recent call last):") == 2
    assert "builtins.KeyError: '…'" in told
    assert told.endswith("builtins.RuntimeError: said '…' aloud\n")
    assert "in test_a_traceback_tells_each_cause_once" in told


def test_the_waits_grow_to_five_seconds_and_differ_by_chance() -> None:
    assert [delay(failures, 1.0) for failures in (1, 2, 3, 4, 5, 6, 500)] == [
        *(0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0)
    ]
    assert delay(3, 0.0) == 0.5
