"""The sweep: opens a lost queue, rings what is behind, trims what is old, carries erasures on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from events.checkpoints import Checkpoint
from events.contracts.offsets import START, Offset
from events.opening import ensure_open
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.ids import Partition
from workers.erasures import carry_on

# Of the memory that Redis may use: from the first share on, applied entries go before their time;
# from the second on, commands are refused, so that wake-ups, sweeps and sessions still find room.
_SHORT_OF_RETENTION = 0.75
_SHORT_OF_MEMORY = 0.9
# What stays even then: longer than a standby that is followed at all lags behind.
_LEAST_RETENTION_S = 600


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep saw and did.

    Attributes:
        rung: Partitions whose projector was woken.
        trimmed: Entries dropped.
        lag_events: Entries not yet applied.
        paused: Partitions that are paused; these are not rung.
        memory_share: The used share of the memory that Redis may use.
        erasures: Erasures of deleted accounts that were queued.
    """

    rung: int
    trimmed: int
    lag_events: int
    paused: list[Partition]
    memory_share: float
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
    # Before the database is asked: while that is away the queue grows.
    share = queue.memory_share()
    queue.set_short_of_memory(short=share > _SHORT_OF_MEMORY)
    known = ensure_open(queue, engine, clock=clock)
    if share > _SHORT_OF_RETENTION:
        retention_seconds = min(retention_seconds, _LEAST_RETENTION_S)
    trimmed = _trim(queue, known, retention_seconds)
    numbers = queue.numbers()
    queue.tell_applied({checkpoint.partition: checkpoint.number for checkpoint in known})
    behind = {each.partition: max(0, numbers[each.partition] - each.number) for each in known}
    paused = [each.partition for each in known if each.paused is not None]
    rung = _ring(queue, [p for p, events in behind.items() if events and p not in paused], wake)
    queue.beat_heart()
    return Swept(
        rung=rung,
        trimmed=trimmed,
        lag_events=sum(behind.values()),
        paused=paused,
        memory_share=round(share, 3),
        erasures=carry_on(queue, engine, clock=clock, wake=wake),
    )


def _ring(queue: EventQueue, behind: Sequence[Partition], wake: Callable[[Partition], None]) -> int:
    """Ring the bells of the partitions `behind` that are silent; return how many."""
    rung = 0
    for partition in behind:
        # Wake before the next is rung: who is killed in between leaves one bell that nobody heard.
        if queue.ring(partition):
            wake(partition)
            rung += 1
    return rung


def _trim(queue: EventQueue, known: Sequence[Checkpoint], retention_seconds: int) -> int:
    """Drop what is applied and old.

    After a failover to a standby that was behind, the projector applies the rest again.
    """
    oldest_kept = Offset(max(0, queue.now_ms() - retention_seconds * 1000), 0)
    return sum(
        queue.trim(checkpoint.partition, before=min(checkpoint.offset, oldest_kept))
        for checkpoint in known
        if checkpoint.offset > START
    )
