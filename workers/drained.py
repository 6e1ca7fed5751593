"""What a drain did: the result of the task `project`, as Flower shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runtime.ids import Partition

# Why a drain ended before its partition was empty: another projector is at it, or it is paused.
Halt = Literal["busy", "paused"]


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What a drain did to a partition, and what it left.

    Attributes:
        partition: Which.
        applied: Events that took effect.
        rejected: Events that a rule refused.
        parked: Events set aside.
        lag_events: Entries still to be applied.
        lag_seconds: Age of the oldest of them.
        busy: Whether another projector was at it, and goes on with it.
        paused: Whether nothing more of it shall be applied for now.
    """

    partition: Partition
    applied: int
    rejected: int
    parked: int
    lag_events: int
    lag_seconds: float
    busy: bool
    paused: bool
