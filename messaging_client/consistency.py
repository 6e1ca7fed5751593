"""Read your writes: the consistency tokens of one's own commands, sent along with queries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# The service takes 100; so many, of 100 characters each, fit into one header line of 8 KiB.
MOST_TOKENS = 64


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How queries show what this client has written.

    Attributes:
        remembered: Of how many of the latest commands tokens are sent with queries, 0 to 64; 0
            turns it off.
        kept_s: For how many seconds a token is still sent once a query has confirmed it: the next
            query may meet a node of the database that is behind.
        wait_s: How long the service may hold a query back until it shows them, 0 to 10 seconds.
    """

    remembered: int = 48
    kept_s: float = 60.0
    wait_s: int = 5

    def __post_init__(self) -> None:
        """Refuse what the service would.

        Raises:
            ValueError: A figure is out of bounds.
        """
        if not 0 <= self.remembered <= MOST_TOKENS:
            raise ValueError(f"remembered is 0 to {MOST_TOKENS}, not {self.remembered}")
        if self.kept_s < 0:
            raise ValueError(f"kept_s is 0 or more, not {self.kept_s}")
        if not 0 <= self.wait_s <= 10:
            raise ValueError(f"wait_s is 0 to 10, not {self.wait_s}")


class TokenMemory:
    """The newest consistency tokens, at most so many; any number of threads may share it.

    Tokens are opaque: which of two is newer cannot be told from them. So each is kept, in the
    order of the answers, until a query that was sent with it has been answered, and a while more.
    """

    def __init__(
        self, most: int, *, kept_s: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin empty; keep a confirmed token for `kept_s` seconds of `clock`."""
        self._most = most
        self._kept_s = kept_s
        self._clock = clock
        self._lock = threading.Lock()
        # When each was confirmed, None if it was not yet.
        self._tokens: dict[str, float | None] = {}

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return len(self._tokens)

    def remember(self, header: str) -> None:
        """Keep the tokens of a command's answer, comma-separated.

        The oldest make room, those first that were confirmed.
        """
        with self._lock:
            for token in split(header):
                self._tokens.pop(token, None)
                self._tokens[token] = None
            while len(self._tokens) > self._most:
                confirmed = (one for one, at in self._tokens.items() if at is not None)
                del self._tokens[next(confirmed, next(iter(self._tokens)))]

    def tokens(self) -> tuple[str, ...]:
        """Return the tokens that a query has to carry, the oldest first."""
        if not self._tokens:
            return ()
        with self._lock:
            now = self._clock()
            self._tokens = {
                token: at
                for token, at in self._tokens.items()
                if at is None or now - at < self._kept_s
            }
            return tuple(self._tokens)

    def confirm(self, tokens: Iterable[str]) -> None:
        """Note that a query has shown what these stand for."""
        with self._lock:
            for token in tokens:
                if token in self._tokens and self._tokens[token] is None:
                    self._tokens[token] = self._clock()

    def forget(self, tokens: Iterable[str]) -> None:
        """Drop tokens that are no good any more."""
        with self._lock:
            for token in tokens:
                self._tokens.pop(token, None)

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._tokens.clear()


def split(header: str) -> Sequence[str]:
    """Return the tokens of a `Consistency-Token` header."""
    return [token for part in header.split(",") if (token := part.strip())]
