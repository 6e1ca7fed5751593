"""Tells what went wrong: a part that is away, an event that can never be applied, or neither."""

from __future__ import annotations

import traceback
from typing import Literal

from psycopg2 import DatabaseError, InterfaceError, OperationalError
from psycopg2.errors import QueryCanceled
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from events.contracts.base import PoisonEventError
from runtime.errors import MessagingError, UnavailableError
from runtime.words import unquoted

# Wait and try again, for ever; set the event aside; try a few times, then set it aside.
Fault = Literal["transient", "poison", "unknown"]

# SQLSTATE classes (Postgres, Appendix A) that speak of the server or of others, not of the row.
_TRANSIENT_CLASSES = frozenset(
    {
        "08",  # connection exception
        "40",  # transaction rollback: serialization failure, deadlock detected
        "53",  # insufficient resources: disk full, out of memory, too many connections
        "57",  # operator intervention: statement timeout, shutdown, cannot connect now
        "58",  # system error: input and output
    }
)
_TRANSIENT_CODES = frozenset(
    {
        "25006",  # read-only transaction: a primary that became a standby
        "25P03",  # idle in transaction for too long: this process was held up
        "25P04",  # transaction timeout
        "55006",  # object in use
        "55P03",  # lock timeout
        "XX001",  # data corrupted: no event's fault, and nothing to go on with
        "XX002",  # index corrupted
    }
)
_POISON_CLASSES = frozenset({"22", "23"})  # data exception, integrity constraint violation
# Integrity constraint violation, and access to what the schema has not.
_NAMING_CLASSES = frozenset({"23", "42"})


class PoisonLimitError(MessagingError):
    """Too many of the recent events are poison: the fault may be ours."""


def classify(error: BaseException) -> Fault:
    """Return what kind of fault `error` tells of."""
    if isinstance(error, PoisonEventError | PoisonLimitError):
        return "poison"
    if isinstance(error, UnavailableError | RedisError | PoolTimeoutError | MemoryError | OSError):
        return "transient"
    if isinstance(error, DBAPIError):
        return _classify_database(error)
    return "unknown"


def may_be_divided(error: BaseException) -> bool:
    """Return whether fewer events at once may do what took more time than a statement has."""
    return isinstance(error, DBAPIError) and isinstance(error.orig, QueryCanceled)


def _classify_database(error: DBAPIError) -> Fault:
    code = getattr(error.orig, "pgcode", None)
    if code is None:
        # It never reached the server, or the server never answered.
        lost = isinstance(error.orig, OperationalError | InterfaceError)
        return "transient" if lost or error.connection_invalidated else "unknown"
    if code in _TRANSIENT_CODES or code[:2] in _TRANSIENT_CLASSES:
        return "transient"
    if code[:2] in _POISON_CLASSES:
        return "poison"
    return "transient" if error.connection_invalidated else "unknown"


def first_line(error: BaseException) -> str:
    """Return what an error says, without the statement and without what it quotes of the event."""
    said, kind = _first_line(error), type(error).__name__
    if said and isinstance(error, MessagingError | DBAPIError):
        return storable(said)
    return storable(f"{kind}: {said}" if said else kind)


def traceback_of(error: BaseException) -> str:
    """Return where `error` and its causes came from, the first cause first, as `first_line` does.

    Python's own form would quote: Postgres tells the row that it refused.
    """
    told: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        kind = f"{type(cause).__module__}.{type(cause).__qualname__}"
        frames = "".join(traceback.format_tb(cause.__traceback__))
        told.append(f"Traceback (most recent call last):\n{frames}{kind}: {_first_line(cause)}\n")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return storable("\nThat led to:\n\n".join(reversed(told)))


def _first_line(error: BaseException) -> str:
    return (_words(error).strip().splitlines() or [""])[0]


def _words(error: BaseException) -> str:
    if isinstance(error, MessagingError):
        return str(error)  # Ours quote nobody.
    refused = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(refused, DatabaseError):
        # Detail and context would be the row. The line itself names the row's constraint, or what
        # the schema has not; of any other error it may quote a value.
        primary = refused.diag.message_primary or (str(refused).splitlines() or [""])[0]
        names = (refused.pgcode or "")[:2] in _NAMING_CLASSES
        return primary if names else unquoted(primary)
    return unquoted(str(refused))


def storable(words: str) -> str:
    """Return `words` as Postgres can store them, whatever an event had in it."""
    escaped = words.encode("utf-8", "backslashreplace").decode()
    return escaped.replace("\x00", "\\x00")
