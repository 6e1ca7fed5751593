"""Listeners: the open streams of this process, what wakes each, and how many there may be."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from runtime.ids import SessionId
from web.guard import Identity
from web.problems import CATALOGUE, ProblemError

# A session of which nobody could say for so long that it goes on counts as ended.
_UNSURE_S = 4.0
_ACCOUNT_RETRY_S = 5
_PROCESS_RETRY_S = 2


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
        self._open: set[Listener] = set()
        self._closed = False

    def add(self, identity: Identity) -> Listener:
        """Return a new listener, which must be removed at the stream's end.

        Raises:
            TooManyStreamsError: The account has its share.
            StreamsFullError: The process has as many as it can, or is stopping.
        """
        with self._changed:
            if self._closed or len(self._open) >= self._most:
                raise StreamsFullError
            counted = Counter(one.identity.account_id for one in self._open)
            if counted[identity.account_id] >= self._most_of_account:
                raise TooManyStreamsError
            listener = Listener(identity)
            self._open.add(listener)
            self._changed.notify_all()
            return listener

    def remove(self, listener: Listener) -> None:
        """Forget a listener; harmless where that is done."""
        with self._changed:
            self._open.discard(listener)

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
