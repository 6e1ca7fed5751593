"""Listeners: the open streams of this process, what wakes each, and how many there may be.

A stream costs its account nothing, so who comes first must not keep the others out: a process that
is full ends a stream of who has the most for who has fewer. A client that is ended comes back.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from runtime.ids import AccountId, SessionId
from runtime.meters import shift
from web.guard import Identity
from web.problems import CATALOGUE, ProblemError

# A session of which nobody could say for so long that it goes on counts as ended.
_UNSURE_S = 4.0
_ACCOUNT_RETRY_S = 5
_PROCESS_RETRY_S = 2
# A stream that was ended for another holds its thread until it has noticed.
_MOST_LEAVING = 4
# With one less than that, the one that is ended would have no fewer than the one that is opened.
_LEAST_DIFFERENCE = 2


class TooManyStreamsError(ProblemError):
    """The account has as many streams open as it may."""

    def __init__(self) -> None:
        """Ask to close one, or to come back."""
        super().__init__(
            CATALOGUE["too-many-streams"], headers={"Retry-After": str(_ACCOUNT_RETRY_S)}
        )


class StreamsFullError(ProblemError):
    """The service has as many streams open as it can."""

    def __init__(self) -> None:
        """Ask to come back."""
        super().__init__(CATALOGUE["streams-full"], headers={"Retry-After": str(_PROCESS_RETRY_S)})


class Listener:
    """One open stream: a bell that rings when there may be news, and whether it must end.

    Attributes:
        identity: Who listens, in which session.
        seen: How many changes the account could see when the stream last looked.
    """

    def __init__(self, identity: Identity, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the session as alive now."""
        self.identity = identity
        self.seen = 0
        self._clock = clock
        self._bell = threading.Event()
        self._ended = False
        self._confirmed_at = clock()

    def ring(self) -> None:
        """Make the stream look for news."""
        self._bell.set()

    def wait(self, seconds: float) -> bool:
        """Return whether the bell rang, at once if it did or after `seconds`; silences it."""
        rang = self._bell.wait(seconds)
        self._bell.clear()
        return rang

    def confirm(self) -> None:
        """Note that the session goes on."""
        self._confirmed_at = self._clock()

    def end(self) -> None:
        """Make the stream end, without sending anything more."""
        self._ended = True
        self._bell.set()

    @property
    def is_over(self) -> bool:
        """Whether the stream must end, also since nobody knows whether its session goes on."""
        return self._ended or self._clock() - self._confirmed_at > _UNSURE_S


class Listeners:
    """The open streams of a process."""

    def __init__(self, *, most: int, most_of_account: int) -> None:
        """Admit `most` streams, and `most_of_account` of each account."""
        self._most = most
        self._most_of_account = most_of_account
        self._changed = threading.Condition()
        # In the order in which they were opened.
        self._open: dict[Listener, None] = {}
        self._leaving: set[Listener] = set()
        self._closed = False

    def add(self, identity: Identity) -> Listener:
        """Return a new listener, which must be removed at the stream's end.

        Where the process is full, the oldest stream of the account that has the most ends for it,
        if that account has at least two more.

        Raises:
            TooManyStreamsError: The account has its share.
            StreamsFullError: The process has as many as it can, or is stopping.
        """
        with self._changed:
            counted = Counter(one.identity.account_id for one in self._open)
            if self._closed:
                raise StreamsFullError
            if counted[identity.account_id] >= self._most_of_account:
                raise TooManyStreamsError
            if len(self._open) >= self._most:
                self._make_room(counted, mine=counted[identity.account_id])
            listener = Listener(identity)
            self._open[listener] = None
            shift("messaging_open_streams", 1)
            self._changed.notify_all()
            return listener

    def _make_room(self, counted: Counter[AccountId], *, mine: int) -> None:
        ((richest, most),) = counted.most_common(1)
        if most < mine + _LEAST_DIFFERENCE or len(self._leaving) >= _MOST_LEAVING:
            raise StreamsFullError
        oldest = next(one for one in self._open if one.identity.account_id == richest)
        del self._open[oldest]
        self._leaving.add(oldest)
        oldest.end()

    def remove(self, listener: Listener) -> None:
        """Forget a listener; harmless where that is done."""
        with self._changed:
            if self._open.pop(listener, listener) is None:
                shift("messaging_open_streams", -1)
            self._leaving.discard(listener)

    def all(self) -> list[Listener]:
        """Return those who listen now."""
        with self._changed:
            return list(self._open)

    def of_sessions(self) -> dict[SessionId, list[Listener]]:
        """Return those who listen now, by session."""
        found: dict[SessionId, list[Listener]] = {}
        for listener in self.all():
            found.setdefault(listener.identity.session_id, []).append(listener)
        return found

    def wait_for_any(self) -> None:
        """Return once somebody listens."""
        with self._changed:
            self._changed.wait_for(lambda: self._open)

    def close(self) -> None:
        """End all streams, and admit no more: the process stops."""
        with self._changed:
            self._closed = True
            for listener in self._open:
                listener.end()
