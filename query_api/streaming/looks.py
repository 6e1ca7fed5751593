"""Looks for news: one at a time for an account, whose streams share what is found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from query_api.reads.errors import ReplicaUnavailableError
from query_api.reads.progress import Progress
from query_api.reads.stream import Looked, News, StreamReads

# So long a stream waits for the look of another: its session may end meanwhile.
_PATIENCE_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """What a look found that began at a moment, behind certain places."""

    began: int
    behind: Looked
    news: News

    def serves(self, asked: int, looked: Looked) -> bool:
        """Return whether it shows all behind `looked` that was there when that was asked."""
        places = self.behind.places
        return (
            self.began > asked
            and self.news.looked is not None
            and places.keys() == looked.places.keys()
            and all(place <= looked.places[partition] for partition, place in places.items())
        )

    def behind_of(self, looked: Looked) -> News:
        """Return the part of it behind `looked`."""
        changes = [
            change
            for change in self.news.changes
            if change.reached.sortable() > looked.places[change.partition]
        ]
        reached = self.news.looked.forth(looked) if self.news.looked else None
        return replace(self.news, changes=changes, looked=reached)


@dataclass(slots=True)
class _Turn:
    """The streams of an account that look or want to."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0
    last: _Look | None = None


class Looks:
    """Lets the streams of each account look by turns, so that it takes one connection at most.

    A bell rings for all streams of an account at once. Who waits for a turn takes what a look found
    that began meanwhile: ten streams look twice.
    """

    def __init__(self, reads: StreamReads, *, patience_s: float = _PATIENCE_S) -> None:
        """Look by `reads`; wait no longer than `patience_s` seconds for a turn."""
        self._reads = reads
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}
        # Moments: each is later than those before, which a clock does not promise.
        self._moments = count()

    def after(self, me: str, progress: Progress, looked: Looked | None) -> News:
        """Return what is new for an account, as `StreamReads.after`.

        Raises:
            ReplicaUnavailableError: The database cannot answer, or another look takes too long.
        """
        asked = next(self._moments)
        with self._turn(me) as turn:
            if looked is not None and turn.last is not None and turn.last.serves(asked, looked):
                return turn.last.behind_of(looked)
            began = next(self._moments)
            news = self._reads.after(me, progress, looked)
            if looked is not None:
                turn.last = _Look(began=began, behind=looked, news=news)
            return news

    @contextmanager
    def _turn(self, me: str) -> Iterator[_Turn]:
        with self._lock:
            turn = self._turns.setdefault(me, _Turn())
            turn.waiting += 1
        try:
            if not turn.lock.acquire(timeout=self._patience_s):
                raise ReplicaUnavailableError
            try:
                yield turn
            finally:
                turn.lock.release()
        finally:
            with self._lock:
                turn.waiting -= 1
                if not turn.waiting:
                    del self._turns[me]
