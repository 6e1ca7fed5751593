"""Backs off from a partition whose database is away: its bell stays set, so that nobody rings."""

from __future__ import annotations

import random

from events.append import QueueUnavailableError
from events.queue import EventQueue
from runtime.ids import Partition
from runtime.logging import get_logger
from workers.faults import first_line

_log = get_logger(__name__)
_FIRST_S = 0.25
_MOST_S = 5.0


def delay(failures: int, chance: float) -> float:
    """Return how long to wait after so many failures in a row, in seconds.

    Args:
        failures: At least 1.
        chance: From 0 to 1: where between the half and the whole, so that not all come at once.
    """
    longest = min(_MOST_S, _FIRST_S * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + chance / 2)


class BackOff:
    """How often in a row each partition failed in this process."""

    def __init__(self, queue: EventQueue) -> None:
        """Hold the bells of `queue`."""
        self._queue = queue
        self._failures: dict[Partition, int] = {}

    def failed(self, partition: Partition, error: BaseException) -> None:
        """Keep everybody from waking a projector of `partition` for a while; then the sweep does.

        A Redis that is away is waited for by the sweep as well.
        """
        failures = self._failures[partition] = self._failures.get(partition, 0) + 1
        seconds = delay(failures, random.random())  # noqa: S311  # nobody gains by guessing it
        _log.warning(
            "projection.backs_off",
            partition=partition,
            failures=failures,
            seconds=round(seconds, 3),
            fault=type(error).__name__,
            code=getattr(getattr(error, "orig", None), "pgcode", None),
        )
        try:
            self._queue.hold_bell(partition, milliseconds=int(seconds * 1000))
        except QueueUnavailableError as away:
            _log.warning("projection.bell_not_held", partition=partition, reason=first_line(away))

    def succeeded(self, partition: Partition) -> None:
        """Count from the beginning again."""
        self._failures.pop(partition, None)
