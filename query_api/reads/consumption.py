"""Consumption: whether events come through, shown by canaries as a replica has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

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
        _checkpoint.c.resumed_at,
        _checkpoint.c.paused_by,
        _checkpoint.c.pause_reason,
    )
    .select_from(_checkpoint.outerjoin(_canary, _canary.c.partition == _checkpoint.c.partition))
    .order_by(_checkpoint.c.partition)
)
# Not the reason in words: an operator wrote it, and readiness is public.
_BECAUSE = {
    "poison": "Stopped since too many events could not be applied",
    "import": "Paused for an import",
    "operator": "Paused by an operator",
}


class _Partition(NamedTuple):
    partition: int
    number: int
    # When the newest canary that was applied had been sent; None before the first.
    sent_at: datetime | None
    resumed_at: datetime | None
    paused_by: str | None
    pause_reason: str | None

    @property
    def paused(self) -> str | None:
        """One of `_BECAUSE`; None where it is not paused."""
        return None if self.pause_reason is None else self.paused_by or "operator"


class Consumption:
    """Looks at a replica for how long ago each partition let a canary through."""

    def __init__(self, replica: Replica, *, limit_seconds: int, clock: Clock) -> None:
        """Call a partition stuck whose newest canary is older than `limit_seconds`."""
        self._replica = replica
        self._limit = limit_seconds
        self._clock = clock

    def check(self) -> str:
        """Return if every partition that is not paused is open.

        Says how old the canaries are, and which partitions are paused, and why.

        Raises:
            UnavailableError: Some are not: names them. Or the database cannot answer.
        """
        found = self._look()
        if not found:
            raise UnavailableError("The event queue has not been opened yet.")
        now = self._clock()
        going = [one for one in found if one.paused is None]
        stuck = [one for one in going if self._is_stuck(one, now)]
        told = " ".join([*_age(stuck or going, now, stuck=bool(stuck)), *_pauses(found)])
        if stuck:
            raise UnavailableError(told)
        return told

    def samples(self) -> Iterator[Sample]:
        """Return how far the replica is; raises UnavailableError where it cannot answer."""
        now = self._clock()
        for one in self._look():
            labels = (str(one.partition), "replica")
            yield Sample("messaging_checkpoint_events", one.number, labels)
            if one.sent_at is not None:
                yield Sample("messaging_canary_age_seconds", _seconds(one.sent_at, now), labels)

    def _look(self) -> Sequence[_Partition]:
        return [_Partition(*row) for row in self._replica.select(_PARTITIONS, {})]

    def _is_stuck(self, one: _Partition, now: datetime) -> bool:
        # While it was paused none came; the next one takes its time.
        since = max(filter(None, (one.sent_at, one.resumed_at)), default=None)
        return since is None or _seconds(since, now) > self._limit


def _seconds(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _age(found: Sequence[_Partition], now: datetime, *, stuck: bool) -> Iterator[str]:
    ages = [_seconds(one.sent_at, now) for one in found if one.sent_at is not None]
    if stuck:
        since = f"for {max(ages):.0f} s" if ages else "yet"
        yield f"No canary came through {since}: {_named(found)}."
    elif ages:
        yield f"The newest canary of each partition is at most {max(ages):.0f} s old."


def _pauses(found: Sequence[_Partition]) -> Iterator[str]:
    for cause, words in _BECAUSE.items():
        paused = [one for one in found if one.paused == cause]
        if paused:
            yield f"{words}: {_named(paused)}."


def _named(found: Sequence[_Partition]) -> str:
    numbers = ", ".join(str(one.partition) for one in found)
    return f"partition {numbers}" if len(found) == 1 else f"partitions {numbers}"
