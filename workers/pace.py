"""The pace of long work: a cap on its rate, its progress, and a clean stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from runtime.errors import MessagingError


class InterruptedWorkError(MessagingError):
    """The work was stopped; run it again to go on with it."""


class Pace:
    """Shared by the threads that do one piece of work."""

    def __init__(
        self,
        *,
        rate: float | None = None,
        progress: Callable[[int], None] = lambda _events: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin now.

        Args:
            rate: Events a second at most, by all threads together; None for no cap.
            progress: Is told how many events were done since it was last told.
            clock: Seconds that never go back.
        """
        self._rate = rate
        self._progress = progress
        self._clock = clock
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._due = clock()

    def stop(self) -> None:
        """Have every thread stop where its work is whole."""
        self._stopped.set()

    def check(self) -> None:
        """Raise InterruptedWorkError if the work was stopped."""
        if self._stopped.is_set():
            raise InterruptedWorkError

    def done(self, events: int) -> None:
        """Tell that so many events were done, and wait until the next ones are due.

        Raises:
            InterruptedWorkError: The work was stopped.
        """
        self._progress(events)
        with self._lock:
            now = self._clock()
            share = events / self._rate if self._rate else 0.0
            self._due = max(self._due, now) + share
            wait = self._due - now
        if wait > 0:
            self._stopped.wait(wait)
        self.check()
