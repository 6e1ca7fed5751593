"""The reader: asks the replica until it can show what a client's tokens stand for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from query_api.reads.errors import NotYetVisibleError
from query_api.reads.freshness import Freshness, Query
from query_api.reads.replica import Rows
from query_api.reads.statements import Statement
from runtime.meters import observe

# A projection usually takes milliseconds; who waits for seconds need not be asked about so often.
_FIRST_PAUSE_S = 0.002
_LONGEST_PAUSE_S = 0.05


class Selects(Protocol):
    """What runs a SELECT: the replica, or what stands for it."""

    def select(self, statement: Statement, parameters: Mapping[str, object]) -> Rows:
        """Return the rows."""


class Reader:
    """Answers queries as freshly as is asked; while it waits it holds no connection."""

    def __init__(
        self,
        replica: Selects,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Ask `replica`."""
        self._replica = replica
        self._clock = clock
        self._sleep = sleep

    def read(self, query: Query, parameters: Mapping[str, object], freshness: Freshness) -> Rows:
        """Return the rows of one snapshot that shows what `freshness` asks for.

        Raises:
            NotYetVisibleError: No such snapshot within the time to wait.
            ConsistencyTokenInvalidError: A token is of an event queue that was lost.
            ReplicaUnavailableError: The database cannot answer.
        """
        rows = self.latest(query, parameters, freshness)
        visible, epoch = rows[0][:2]
        freshness.check_epoch(epoch)
        if not visible:
            raise NotYetVisibleError
        return rows

    def latest(self, query: Query, parameters: Mapping[str, object], freshness: Freshness) -> Rows:
        """Return as `read`, or at last the rows of a snapshot that does not show it."""
        if not freshness.tokens:
            return self._replica.select(query.at_once, parameters)
        started = self._clock()
        rows = self._patiently(query, parameters, freshness)
        shown = "shown" if rows[0][0] else "late"
        observe("messaging_token_wait_seconds", self._clock() - started, shown)
        return rows

    def _patiently(
        self, query: Query, parameters: Mapping[str, object], freshness: Freshness
    ) -> Rows:
        tested = {**parameters, **freshness.parameters()}
        deadline = self._clock() + freshness.seconds
        pause = _FIRST_PAUSE_S
        while True:
            rows = self._replica.select(query.tested, tested)
            visible, epoch = rows[0][:2]
            left = deadline - self._clock()
            if visible or left <= 0 or freshness.is_past(epoch):
                return rows
            self._sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE_S)
