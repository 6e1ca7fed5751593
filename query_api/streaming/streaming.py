"""Streaming: opens event streams, with all that they share in a process."""

from __future__ import annotations

from collections.abc import Callable

import redis

from query_api.reads.replica import Replica
from query_api.reads.stream import StreamReads
from query_api.settings import StreamSettings
from query_api.streaming.event_stream import EventStream, Terms
from query_api.streaming.listeners import Listeners
from query_api.streaming.looks import Looks
from query_api.streaming.notices import Notices
from query_api.streaming.resume_ids import ResumeIds
from query_api.streaming.watch import Watch
from runtime.settings import Secret
from web.guard import Identity, Revocations, TokenInvalidError


class OpenStream:
    """A stream that counts as open until it is closed; to be iterated over once."""

    def __init__(self, stream: EventStream, close: Callable[[], None]) -> None:
        """Call `close` when closed."""
        self.chunks = iter(stream)
        self.close = close


class Streaming:
    """Opens the streams of one process."""

    def __init__(
        self,
        reads: StreamReads,
        ids: ResumeIds,
        listeners: Listeners,
        *,
        watch: Watch,
        sessions: Revocations,
        heartbeat_seconds: float,
    ) -> None:
        """Let `watch` wake the `listeners`."""
        self._reads = reads
        self._looks = Looks(reads)
        self._ids = ids
        self._listeners = listeners
        self._watch = watch
        self._sessions = sessions
        self._heartbeat_seconds = heartbeat_seconds

    @classmethod
    def over(
        cls,
        replica: Replica,
        client: redis.Redis,
        sessions: Revocations,
        *,
        settings: StreamSettings,
        key: Secret,
    ) -> Streaming:
        """Return the streaming of what `replica` shows, woken by way of `client`."""
        reads = StreamReads(replica)
        listeners = Listeners(most=settings.limit, most_of_account=settings.limit_of_account)
        return cls(
            reads,
            ResumeIds(key),
            listeners,
            watch=Watch(listeners, reads, sessions, Notices(client)),
            sessions=sessions,
            heartbeat_seconds=settings.heartbeat_seconds,
        )

    def open(
        self, identity: Identity, last_event_id: str | None, *, is_gone: Callable[[], bool]
    ) -> OpenStream:
        """Return a stream of what happens from now on, or of all behind an id.

        Args:
            identity: Who listens.
            last_event_id: The last id that the client got.
            is_gone: Tells whether the client has gone away.

        Raises:
            ResumeIdInvalidError: The id is not one of this account's.
            TokenInvalidError: The session has ended, whatever the guard remembers.
            TooManyStreamsError: The account has its share.
            StreamsFullError: The process has as many as it can.
            UnavailableError: The database cannot answer, or nobody knows of the session.
        """
        account = identity.account_id
        progress = self._ids.decode(account, last_event_id) if last_event_id else None
        listener = self._listeners.add(identity)
        try:
            self._check_session(identity)
            if progress is None:
                progress = self._reads.now(str(account))
        except BaseException:
            self._listeners.remove(listener)
            raise
        self._watch.begin()
        terms = Terms(
            heartbeat_seconds=self._heartbeat_seconds,
            expires_at=identity.expires_at,
            is_gone=is_gone,
        )
        stream = EventStream(self._looks, self._ids, listener, progress, terms)
        return OpenStream(stream, lambda: self._listeners.remove(listener))

    def _check_session(self, identity: Identity) -> None:
        # The guard may remember a session for seconds: together with our own look it would be too
        # long until its stream ends.
        if self._sessions.is_revoked(identity.session_id):
            raise TokenInvalidError("The session has ended.")

    def close(self) -> None:
        """End all streams and open no more: the process stops."""
        self._listeners.close()
