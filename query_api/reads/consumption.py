"""Consumption: whether events come through, shown by canaries as a replica has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Boolean, literal_column, select

from database.models import Canary, Checkpoint
from query_api.reads.replica import Replica
from query_api.reads.statements import Statement
from runtime.clock import Clock
from runtime.errors import UnavailableError
from runtime.exposition import Sample

_checkpoint = Checkpoint.__table__.alias("c")
_canary = Canary.__table__.alias("k")
_PARTITIONS = Statement(
    select(
        _checkpoint.c.partition,
        _checkpoint.c.number,
        _canary.c.sent_at,
        # As JSON, so that the statement is good before and after the column is there.
        literal_column("to_jsonb(c) ->> 'pause_reason' IS NOT NULL", Boolean).label("paused"),
    )
    .select_from(_checkpoint.outerjoin(_canary, _canary.c.partition == _checkpoint.c.partition))
    .order_by(_checkpoint.c.partition)
)


class _Partition(NamedTuple):
    partition: int
    number: int
    # In seconds, of the newest canary that was applied; None before the first.
    age: float | None
    paused: bool


class Consumption:
    """Looks at a replica for how long ago each partition let a canary through."""

    def __init__(self, replica: Replica, *, limit_seconds: int, clock: Clock) -> None:
        """Call a partition stopped whose newest canary is older than `limit_seconds`."""
        self._replica = replica
        self._limit = limit_seconds
        self._clock = clock

    def check(self) -> str | None:
        """Return if every partition that is not paused is open; names those that are paused.

        Raises:
            UnavailableError: Some are not: names them. Or the database cannot answer.
        """
        found = self._look()
        if not found:
            raise UnavailableError("The event queue has not been opened yet.")
        stopped = [one for one in found if not one.paused and self._is_stopped(one)]
        if stopped:
            raise UnavailableError(self._said(stopped))
        paused = [one for one in found if one.paused]
        return f"Paused: {_named(paused)}." if paused else None

    def samples(self) -> Iterator[Sample]:
        """Return how far the replica is; raises UnavailableError where it cannot answer."""
        for one in self._look():
            labels = (str(one.partition), "replica")
            yield Sample("messaging_checkpoint_events", one.number, labels)
            if one.age is not None:
                yield Sample("messaging_canary_age_seconds", one.age, labels)

    def _look(self) -> Sequence[_Partition]:
        rows = self._replica.select(_PARTITIONS, {})
        now = self._clock()
        return [
            _Partition(
                partition=partition,
                number=number,
                age=None if sent_at is None else max(0.0, (now - sent_at).total_seconds()),
                paused=paused,
            )
            for partition, number, sent_at, paused in rows
        ]

    def _is_stopped(self, one: _Partition) -> bool:
        return one.age is None or one.age > self._limit

    def _said(self, stopped: Sequence[_Partition]) -> str:
        ages = [one.age for one in stopped if one.age is not None]
        since = f"for {max(ages):.0f} s" if ages else "yet"
        return f"No canary came through {since}: {_named(stopped)}."


def _named(found: Sequence[_Partition]) -> str:
    numbers = ", ".join(str(one.partition) for one in found)
    return f"partition {numbers}" if len(found) == 1 else f"partitions {numbers}"
