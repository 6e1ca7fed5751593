"""Places to wait: how many requests of a process may wait for what their tokens stand for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class PlacesToWait:
    """Hands out places, some in all and fewer to each account.

    Whoever waits holds a thread of the process: those beyond the places must not, so that threads
    are left for who needs no waiting.
    """

    def __init__(self, *, most: int, most_of_account: int) -> None:
        """Let `most` requests wait at once, `most_of_account` of each account."""
        self._most = most
        self._most_of_account = most_of_account
        self._lock = threading.Lock()
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def place(self, account: Hashable) -> Iterator[bool]:
        """Yield at once whether `account` has a place, which is held until the block ends."""
        held = self._take(account)
        try:
            yield held
        finally:
            if held:
                self._give_back(account)

    def _take(self, account: Hashable) -> bool:
        with self._lock:
            full = self._taken.total() >= self._most
            if full or self._taken[account] >= self._most_of_account:
                return False
            self._taken[account] += 1
            return True

    def _give_back(self, account: Hashable) -> None:
        with self._lock:
            self._taken[account] -= 1
            if not self._taken[account]:
                del self._taken[account]
