"""The reader: asks the replica until it can show what a client's tokens stand for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from query_api.reads.errors import NotYetVisibleError
from query_api.reads.freshness import Freshness, Query
from query_api.reads.places_to_wait import PlacesToWait
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
        places: PlacesToWait,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Ask `replica`, more than once for those alone who get one of the `places`."""
        self._replica = replica
        self._places = places
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
        """Return as `read`, or at last the rows of a snapshot that does not show it.

        Where all places to wait are taken, the first look is the last.
        """
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
        deadline = self._clock() + freshness.seconds
        tested = {**parameters, **freshness.parameters()}
        rows = self._replica.select(query.tested, tested)
        if not self._is_worth_waiting(rows, freshness, deadline):
            return rows
        with self._places.place(freshness.account) as held:
            pause = _FIRST_PAUSE_S
            while held and self._is_worth_waiting(rows, freshness, deadline):
                self._sleep(max(0.0, min(pause, deadline - self._clock())))
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                rows = self._replica.select(query.tested, tested)
        return rows

    def _is_worth_waiting(self, rows: Rows, freshness: Freshness, deadline: float) -> bool:
        visible, epoch = rows[0][:2]
        return not (visible or freshness.is_past(epoch)) and self._clock() < deadline
