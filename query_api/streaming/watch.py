"""The watch: wakes the streams of this process when there is news for them, ends those that must.

Two threads for all streams, which run while somebody listens. One waits for the workers' notices
and looks, for all accounts at once, how many changes each could see; it looks by itself every
second, so a lost notice costs no more than that. The other asks whether the sessions go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from events.contracts.notices import Notice
from events.contracts.offsets import Offset
from query_api.reads.stream import StreamReads
from query_api.streaming.listeners import Listeners
from runtime.errors import UnavailableError
from runtime.logging import get_logger
from web.guard import Revocations

_log = get_logger(__name__)

_LOOK_EVERY_S = 1.0
_SESSIONS_EVERY_S = 1.5
# A replica shows what a notice tells of within milliseconds, or it is behind and found later.
_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.05
_PATIENCE_S = 2.0


class Hears(Protocol):
    """Where notices come from."""

    def wait(self, seconds: float) -> list[Notice]:
        """Return what was heard; nothing after `seconds`."""

    def stop(self) -> None:
        """Hear nothing more, until asked again."""


class Watch:
    """Watches over the streams of a process."""

    def __init__(
        self,
        listeners: Listeners,
        reads: StreamReads,
        sessions: Revocations,
        notices: Hears,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start nothing before `begin`."""
        self._listeners = listeners
        self._reads = reads
        self._sessions = sessions
        self._notices = notices
        self._clock = clock
        self._lock = threading.Lock()
        self._begun = False
        self._due: dict[int, Offset] = {}
        self._due_until = 0.0
        self._pause = _FIRST_PAUSE_S

    def begin(self) -> None:
        """Start the two threads, unless that is done: a gunicorn master forks before."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
        for name, step in (("news", self.look_for_news), ("sessions", self.look_at_sessions)):
            threading.Thread(target=self._for_ever, args=(step,), name=name, daemon=True).start()

    def _for_ever(self, step: Callable[[], None]) -> None:
        while True:
            self._listeners.wait_for_any()
            try:
                step()
            except UnavailableError as error:
                _log.warning("streams.unwatched", reason=str(error))
                time.sleep(_LOOK_EVERY_S)
            except Exception:  # noqa: BLE001  # it is logged whole
                # A thread that ended would leave all streams silent until they end.
                _log.exception("streams.watch_failed")
                time.sleep(_LOOK_EVERY_S)

    def look_for_news(self) -> None:
        """Wait for a notice or for the time to look; then ring where there is news.

        Raises:
            ReplicaUnavailableError: The database cannot answer.
        """
        for notice in self._notices.wait(self._pause if self._due else _LOOK_EVERY_S):
            known = self._due.get(notice.partition, notice.offset)
            self._due[notice.partition] = max(known, notice.offset)
            self._due_until = self._clock() + _PATIENCE_S
            self._pause = _FIRST_PAUSE_S
        listeners = self._listeners.all()
        if not listeners:
            self._notices.stop()
            self._due.clear()
            return
        # First how far the replica is: the revisions that are read next are not older.
        self._settle()
        accounts = {str(listener.identity.account_id) for listener in listeners}
        revisions = self._reads.revisions(accounts)
        for listener in listeners:
            if revisions.get(str(listener.identity.account_id), 0) > listener.seen:
                listener.ring()

    def _settle(self) -> None:
        """Forget what the replica shows by now, and what it does not show for too long."""
        if not self._due:
            return
        shown = self._reads.checkpoints(self._due)
        late = self._clock() > self._due_until
        self._due = {
            partition: offset
            for partition, offset in self._due.items()
            if not late and (partition not in shown or shown[partition] < offset)
        }
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)

    def look_at_sessions(self) -> None:
        """End the streams of sessions that have ended; then wait a little."""
        for session, listeners in self._listeners.of_sessions().items():
            try:
                revoked = self._sessions.is_revoked(session)
            except UnavailableError:
                continue  # Unsure for too long, the stream ends by itself.
            for listener in listeners:
                if revoked:
                    listener.end()
                else:
                    listener.confirm()
        time.sleep(_SESSIONS_EVERY_S)
