"""Measures projecting: batches, what became of their events, and what had to be tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.meters import count, observe
from workers.batch import Counts


class Batch:
    """One batch, measured from now on."""

    def __init__(self) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def committed(self, entries: int) -> None:
        """Measure the batch, which held so many entries."""
        observe("messaging_projection_batch_seconds", time.perf_counter() - self._started)
        observe("messaging_projection_batch_events", entries)


def count_events(counts: Counts) -> None:
    """Count events that were committed, by outcome."""
    count("messaging_projected_events_total", "applied", by=counts.applied)
    count("messaging_projected_events_total", "rejected", by=counts.rejected)
    count("messaging_projected_events_total", "parked", by=counts.parked)


@contextmanager
def counting_retries() -> Iterator[None]:
    """Count a drain that fails: its events are tried again."""
    try:
        yield
    except Exception:
        count("messaging_projection_retries_total")
        raise
