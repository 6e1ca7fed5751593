"""The pace of long work: a cap on its rate, its progress, and a clean stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from runtime.errors import MessagingError


class InterruptedWorkError(MessagingError):
    """The work was stopped; run it again to go on with it."""


class Viewer(Protocol):
    """Who watches long work; it may be told by several threads."""

    def step(self, text: str) -> None:
        """Hear what is being done now."""

    def expect(self, events: int) -> None:
        """Hear how many events there are to do."""

    def advance(self, events: int) -> None:
        """Hear that so many events more are done."""


class Unwatched:
    """Nobody watches."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def expect(self, events: int) -> None:
        """Say nothing."""

    def advance(self, events: int) -> None:
        """Say nothing."""


class Pace:
    """Shared by the threads that do one piece of work."""

    def __init__(
        self,
        *,
        rate: float | None = None,
        viewer: Viewer | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        """Begin now.

        Args:
            rate: Events a second at most, by all threads together; None for no cap.
            viewer: Who watches.
            clock: Seconds that never go back.
            wait: Waits for the stop, so many seconds at most.
        """
        self.viewer: Viewer = viewer or Unwatched()
        self._rate = rate
        self._clock = clock
        self._wait = wait
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._due = clock()

    def portion(self, most: int) -> int:
        """Return how many events to do at once, `most` at most: slow is small, not rare."""
        return most if self._rate is None else max(1, min(most, int(self._rate)))

    def rest(self, seconds: float) -> None:
        """Wait, unless the work is stopped.

        Raises:
            InterruptedWorkError: It was stopped.
        """
        self._wait(self._stopped, seconds)
        self.check()

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
        self.viewer.advance(events)
        if self._rate:
            with self._lock:
                now = self._clock()
                self._due = max(self._due, now) + events / self._rate
                wait = self._due - now
            self._wait(self._stopped, wait)
        self.check()
