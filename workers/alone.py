"""Who derives the read model anew: the operator, one command at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, text

from runtime.errors import MessagingError

_KEY = {"key": 0x6D736772}
_TRY = text("SELECT pg_try_advisory_lock(:key)")
_LEAVE = text("SELECT pg_advisory_unlock(:key)")


class AnotherIsRunningError(MessagingError):
    """Another replay or rebuild is running: wait for it, or stop it."""


@dataclass(frozen=True, kw_only=True)
class Engines:
    """The primary, as the operator and as the worker that the operator may be.

    Attributes:
        operator: For reading, and for the functions that make, swap and drop read models.
        worker: For writing.
    """

    operator: Engine
    worker: Engine


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Be the only command that derives the read model anew.

    Raises:
        AnotherIsRunningError: It is not.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(_TRY, _KEY).scalar():
            raise AnotherIsRunningError
        try:
            yield
        finally:
            connection.execute(_LEAVE, _KEY)
