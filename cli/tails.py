"""How far a server is behind the queue, and what its database says that operators decided."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from cli.events import connections
from database.engines import create_engine_for
from events import checkpoints, dead_letters, erasures, pauses
from events.tail import Tail, tail_behind
from local_stack import operating
from local_stack.errors import StackError
from local_stack.state import State
from runtime.ids import Partition
from workers import selecting

_PATIENCE_S = 120
_POLL_S = 0.2


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a database that went back may know of otherwise than operators remember.

    Attributes:
        parked: Dead letters that wait for a decision.
        paused: Partitions that are paused.
        returned_accounts: Names of accounts that live although they were deleted.
    """

    parked: int = 0
    paused: tuple[Partition, ...] = ()
    returned_accounts: tuple[str, ...] = ()


def behind(state: State, server: str) -> Tail:
    """Return what lies behind the checkpoints of `server`, primary or replica.

    Raises:
        MessagingError: The server fails.
        StackError: It knows another number of partitions than the stack has.
        QueueUnavailableError: Redis is away.
    """
    with _connection(state, server) as connection:
        if selecting.partitions(connection) not in {0, state.record.event_partitions}:
            raise StackError(f"The {server} is from before the number of partitions was changed.")
        return tail_behind(connections.queue(state), checkpoints.read_all(connection))


def await_applied(state: State, report: _Reporter) -> bool:
    """Return True once the primary has applied what was queued, False if that takes long.

    What is paused is not waited for.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while left := _left(state):
        if time.monotonic() > deadline:
            return False
        report.step(f"Applying again what the queue kept: {left} events are left")
        time.sleep(_POLL_S)
    return True


def decided(state: State) -> Decided:
    """Return what the primary knows of dead letters, pauses and deleted accounts.

    Raises:
        MessagingError: The primary fails.
    """
    with _connection(state, "primary") as connection:
        return Decided(
            parked=sum(dead_letters.count_parked(connection).values()),
            paused=tuple(pause.partition for pause in pauses.paused(connection)),
            returned_accounts=tuple(erasures.returned(connection)),
        )


def _left(state: State) -> int:
    with _connection(state, "primary") as connection:
        known = [point for point in checkpoints.read_all(connection) if point.paused is None]
        return tail_behind(connections.queue(state), known).retained


@contextmanager
def _connection(state: State, server: str) -> Iterator[Connection]:
    # Not through PGPool, which may not know yet which of them is the primary.
    settings = operating.database_at(state, server)
    engine = create_engine_for(settings, application_name="api-write", pool_size=1)
    try:
        with connections.one_line(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
