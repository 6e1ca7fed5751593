"""The tail: what a database that went back, or is behind, must be given again by the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from events.checkpoints import Checkpoint
from events.queue import EventQueue


@dataclass(frozen=True, kw_only=True)
class Tail:
    """Events behind a database's checkpoints: those that the queue holds, those it does not."""

    retained: int
    missing: int


def tail_behind(queue: EventQueue, known: Sequence[Checkpoint]) -> Tail:
    """Return what lies behind the checkpoints `known` of a database.

    Raises:
        QueueUnavailableError: Redis is away.
    """
    numbers = queue.numbers()
    retained = missing = 0
    for checkpoint in known:
        behind = max(0, numbers[checkpoint.partition] - checkpoint.number)
        held = queue.read(checkpoint.partition, after=checkpoint.offset, limit=1)
        gone = held[0].number - checkpoint.number - 1 if held else behind
        missing += max(0, gone)
        retained += behind - max(0, gone)
    return Tail(retained=retained, missing=missing)
