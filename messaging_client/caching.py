"""Answers at hand, so that a query whose answer is the same costs a 304."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An answer and its entity tag."""

    etag: str
    content: bytes


class AnswerCache:
    """The answers used last, at most so many; any number of threads may share it."""

    def __init__(self, most: int) -> None:
        """Begin empty; keep nothing if `most` is 0."""
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Kept] = OrderedDict()

    def __len__(self) -> int:
        """Return how many answers there are."""
        return len(self._answers)

    def get(self, address: str) -> Kept | None:
        """Return the answer kept for an address, None if there is none."""
        with self._lock:
            kept = self._answers.get(address)
            if kept is not None:
                self._answers.move_to_end(address)
            return kept

    def keep(self, address: str, etag: str | None, content: bytes) -> None:
        """Keep an answer that has an entity tag; what was used longest ago makes room."""
        if not etag or not self._most:
            return
        with self._lock:
            self._answers[address] = Kept(etag=etag, content=content)
            self._answers.move_to_end(address)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._answers.clear()
