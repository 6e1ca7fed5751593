"""Measures appends: how long each took, what came of it, and which events went in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from events.append import (
    Appended,
    CommandRateError,
    IdempotencyKeyReusedError,
    QueueFullError,
    QueueUnavailableError,
)
from runtime.meters import count, observe


class Measures:
    """Takes note of what an append came to."""

    def __init__(self) -> None:
        """Take it as not done until told otherwise."""
        self.outcome = "unavailable"

    def of(self, appended: Appended) -> Appended:
        """Note a success and return it."""
        self.outcome = "replayed" if appended.replayed else "appended"
        return appended


@contextmanager
def measured(types: Sequence[str]) -> Iterator[Measures]:
    """Measure the append that the block does.

    Args:
        types: Of the events that it appends, with their versions.
    """
    measures = Measures()
    started = time.perf_counter()
    try:
        yield measures
    except IdempotencyKeyReusedError:
        measures.outcome = "reused"
        raise
    except CommandRateError:
        measures.outcome = "limited"
        raise
    except QueueFullError:
        measures.outcome = "full"
        raise
    except QueueUnavailableError as error:
        # Redis's own errors are its causes.
        measures.outcome = "closed" if error.__cause__ is None else "unavailable"
        raise
    finally:
        observe("messaging_append_seconds", time.perf_counter() - started)
        count("messaging_appends_total", measures.outcome)
        if measures.outcome == "appended":
            for type_name in types:
                count("messaging_appended_events_total", type_name)
