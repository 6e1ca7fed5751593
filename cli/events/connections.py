"""Where the verbs of `messaging events` connect: with an operator's rights, or as the worker.

An operator sees event log and read model. Who changes them takes the worker's role on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from database.engines import create_engine_for
from database.errors import reason_of
from events.queue import EventQueue
from local_stack import operating
from local_stack.state import State
from runtime import redis_client
from runtime.errors import MessagingError
from runtime.settings import QueueSettings, RedisSettings
from workers.alone import Engines


def stack() -> State:
    """Return the stack that the environment names; raises StackError where there is none."""
    return operating.existing(os.environ)


def reading(state: State, *, connections: int = 1) -> Engine:
    """Return an engine with the operator's rights."""
    return create_engine_for(
        operating.database(state), application_name="api-write", pool_size=connections
    )


def writing(state: State, *, connections: int = 1) -> Engine:
    """Return an engine that acts as the worker."""
    return create_engine_for(
        operating.database(state),
        application_name="api-write",
        pool_size=connections,
        as_role="worker",
    )


def deriving(state: State, jobs: int = 1) -> Engines:
    """Return both engines, for who derives the read model anew.

    Args:
        state: The stack.
        jobs: Transactions at once; two more are for holding, comparing and being alone.
    """
    size = jobs + 2
    return Engines(
        operator=reading(state, connections=size), worker=writing(state, connections=size)
    )


def queue(
    state: State, *, partitions: int | None = None, by: RedisSettings | None = None
) -> EventQueue:
    """Return the event queue, to be looked at; with other `partitions`, or `by` another user."""
    settings = QueueSettings.of_viewer(partitions=partitions or state.record.event_partitions)
    return EventQueue(redis_client.connect(by or operating.redis(state)), settings)


@contextmanager
def one_line() -> Iterator[None]:
    """Say of what the database refuses only what it says itself, without the statement.

    Raises:
        MessagingError: Instead of the database's error.
    """
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        raise MessagingError(f"The database fails: {reason_of(error)}: run it again.") from error
