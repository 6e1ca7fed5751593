"""An event stream: the bytes that one client is sent, from its place in the log until its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from query_api.reads.errors import ReplicaUnavailableError
from query_api.reads.progress import Progress, Reached
from query_api.reads.stream import Change, Looked
from query_api.streaming.listeners import Listener
from query_api.streaming.looks import Looks
from query_api.streaming.resume_ids import ResumeIds
from runtime.logging import get_logger
from runtime.meters import count

_log = get_logger(__name__)

# How soon a client should come back after the end: at once, more or less.
_RETRY_MS = 1_000
_HEARTBEAT = b": still here\n\n"
# How often a stream looks whether its client is still there.
_TICK_S = 2.0
# How long to wait for a database that is away.
_AWAY_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On which terms a stream is served.

    Attributes:
        heartbeat_seconds: It is silent for so long at most.
        expires_at: It ends then, in seconds since 1970: its access token runs out.
        is_gone: Tells whether the client has gone away.
        now: Tells the time, in seconds since 1970.
        clock: Counts seconds from whenever, for heartbeats.
        sleep: Waits so many seconds.
    """

    heartbeat_seconds: float
    expires_at: float
    is_gone: Callable[[], bool]
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class EventStream:
    """Iterates over the chunks of one stream."""

    def __init__(
        self,
        looks: Looks,
        ids: ResumeIds,
        listener: Listener,
        progress: Progress,
        terms: Terms,
    ) -> None:
        """Tell `listener` what happened behind `progress`."""
        self._looks = looks
        self._ids = ids
        self._listener = listener
        self._me = listener.identity.account_id
        self._progress: dict[int, Reached] = dict(progress)
        self._terms = terms
        self._looked: Looked | None = None

    def __iter__(self) -> Iterator[bytes]:
        # An id without data: a client that is told nothing else can resume from here all the same.
        yield f"retry: {_RETRY_MS}\nid: {self._id()}\n\n".encode()
        beat_at, look = self._next_beat(), True
        while not self._is_over():
            changes, more = self._news() if look else ([], False)
            # While the database was asked, the session may have ended.
            if changes and not self._is_over():
                yield b"".join(self._told(change) for change in changes)
                beat_at = self._next_beat()
            now = self._terms.clock()
            # Also without a bell: a silence is never longer than what was lost.
            look = now >= beat_at
            if look and not more:
                yield _HEARTBEAT
                beat_at = self._next_beat()
            pause = 0.0 if more else min(_TICK_S, max(0.0, beat_at - now))
            look = self._listener.wait(pause) or more or look

    def _next_beat(self) -> float:
        return self._terms.clock() + self._terms.heartbeat_seconds

    def _is_over(self) -> bool:
        expired = self._terms.now() >= self._terms.expires_at
        return self._listener.is_over or expired or self._terms.is_gone()

    def _news(self) -> tuple[list[Change], bool]:
        try:
            news = self._looks.after(str(self._me), self._progress, self._looked)
        except ReplicaUnavailableError as error:
            _log.warning("stream.waits", cause=repr(error.__cause__))
            self._terms.sleep(_AWAY_S)
            # The bell has been heard: ring it again for the next try.
            self._listener.ring()
            return [], False
        self._listener.seen = news.revision
        self._looked = news.looked
        return news.changes, news.looked is None

    def _told(self, change: Change) -> bytes:
        self._progress[change.partition] = change.reached
        count("messaging_stream_events_total", change.kind)
        # JSON in one line: orjson writes no line breaks, and escapes those in texts.
        head = f"id: {self._id()}\nevent: {change.kind}\ndata: ".encode()
        return head + orjson.dumps(change.data) + b"\n\n"

    def _id(self) -> str:
        return self._ids.encode(self._me, self._progress)
