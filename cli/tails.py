"""How far a database is behind the queue, asked with the services' own rights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from database.engines import create_engine_for
from events import checkpoints, erasures
from events.queue import EventQueue
from events.tail import Tail, tail_behind
from local_stack import operating
from local_stack.errors import StackError
from local_stack.state import State
from runtime import redis_client
from runtime.settings import QueueSettings

_PATIENCE_S = 120
_POLL_S = 0.2


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...


def behind(state: State, server: str) -> Tail:
    """Return what lies behind the checkpoints of `server`, primary or replica.

    Raises:
        StackError: The server does not answer.
        QueueUnavailableError: Redis is away.
    """
    with _connection(state, server, "worker") as connection:
        return tail_behind(_queue(state), checkpoints.read_all(connection))


def await_applied(state: State, report: _Reporter) -> bool:
    """Return True once the primary has applied what was queued, False if that takes long."""
    deadline = time.monotonic() + _PATIENCE_S
    while tail := behind(state, "primary").retained:
        if time.monotonic() > deadline:
            return False
        report.step(f"Applying again what the queue kept: {tail} events are left")
        time.sleep(_POLL_S)
    return True


def returned_accounts(state: State) -> list[str]:
    """Return the names of accounts that live at the primary although they were deleted.

    Raises:
        StackError: The primary does not answer.
    """
    with _connection(state, "primary", "messaging_owner") as connection:
        return erasures.returned(connection)


@contextmanager
def _connection(state: State, server: str, role: str) -> Iterator[Connection]:
    settings = operating.database_at(state, server, role)
    engine = create_engine_for(settings, application_name="api-write", pool_size=1)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
        raise StackError(f"The {server} fails: {reason}: run the same again.") from error
    finally:
        engine.dispose()


def _queue(state: State) -> EventQueue:
    settings = QueueSettings(
        partitions=state.record.event_partitions,
        # Nothing is appended, nobody is woken: the rest says nothing here.
        limit=1,
        retention_seconds=1,
        batch_size=1,
        bell_ttl_seconds=1,
    )
    return EventQueue(redis_client.connect(operating.queue(state)), settings)
