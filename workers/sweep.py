"""The sweep: opens a lost queue, rings what is behind, trims what is old, carries erasures on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from events.contracts.offsets import Offset
from events.opening import ensure_open
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.ids import Partition
from workers.erasures import carry_on


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep saw and did.

    Attributes:
        rung: Partitions whose projector it woke because they were behind.
        trimmed: Entries that it dropped.
        lag_events: Entries not yet applied.
        erasures: Erasures of deleted accounts that it queued.
    """

    rung: int
    trimmed: int
    lag_events: int
    erasures: int


def sweep(
    queue: EventQueue,
    engine: Engine,
    *,
    clock: Clock,
    retention_seconds: int,
    wake: Callable[[Partition], None],
) -> Swept:
    """Do one sweep; a wake-up that was lost so costs seconds, not data.

    Args:
        queue: The event queue.
        engine: The primary, as the worker's role.
        clock: What the log of an opening shall say.
        retention_seconds: Applied entries stay at least this long, for a failover to re-apply.
        wake: Wakes a projector of a partition.

    Raises:
        QueueUnavailableError: Redis is away.
        sqlalchemy.exc.DBAPIError: The database is away.
    """
    known = ensure_open(queue, engine, clock=clock)
    numbers = queue.numbers()
    oldest_kept = Offset(queue.now_ms() - retention_seconds * 1000, 0)
    rung = trimmed = lag = 0
    for checkpoint in known:
        behind = numbers[checkpoint.partition] - checkpoint.number
        if behind > 0 and queue.ring(checkpoint.partition):
            wake(checkpoint.partition)
            rung += 1
        lag += max(0, behind)
        # Only what is applied and old: after a failover to a standby that was behind, the
        # projector applies this tail again.
        keep_from = min(checkpoint.offset, oldest_kept)
        if keep_from.ms > 0:
            trimmed += queue.trim(checkpoint.partition, before=keep_from)
    queue.beat_heart()
    queued = carry_on(queue, engine, clock=clock, wake=wake)
    return Swept(rung=rung, trimmed=trimmed, lag_events=lag, erasures=queued)
