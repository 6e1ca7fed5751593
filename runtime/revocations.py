"""Sessions that have ended, kept in Redis for as long as one of their access tokens may run."""

from __future__ import annotations

import redis

from runtime.errors import UnavailableError
from runtime.ids import SessionId

# Seconds that an access token lives unless MESSAGING_ACCESS_LIFETIME says otherwise.
ACCESS_LIFETIME_S = 300
# Holds the queue's epoch in which the list was last completed from the database. A Redis without
# it was lost: that it does not list a session means nothing.
COMPLETE_KEY = "revoked:epoch"
# Clocks of several machines may differ by less than this.
_MARGIN_S = 60


class RevocationList:
    """The keys `revoked:<session id>` of Redis."""

    def __init__(self, client: redis.Redis) -> None:
        """Use `client`, whose timeouts bound how long a request waits."""
        self._redis = client

    def is_revoked(self, session_id: SessionId) -> bool:
        """Return whether the session has ended.

        Raises:
            UnavailableError: Redis cannot be reached, or was lost and knows nothing yet.
        """
        try:
            complete, revoked = self._redis.mget(COMPLETE_KEY, revoked_key(session_id))
        except redis.RedisError as error:
            raise UnavailableError("The list of ended sessions cannot be read just now.") from error
        if revoked is None and complete is None:
            raise _incomplete()
        return revoked is not None

    def check(self) -> None:
        """Return once the list is complete.

        Raises:
            UnavailableError: Redis cannot be reached, or was lost and knows nothing yet.
        """
        try:
            complete = self._redis.get(COMPLETE_KEY)
        except redis.RedisError as error:
            raise UnavailableError("The list of ended sessions cannot be read just now.") from error
        if complete is None:
            raise _incomplete()

    def revoke(self, session_id: SessionId, *, lifetime: int) -> None:
        """Make the session's access tokens, which live `lifetime` seconds, invalid.

        Raises:
            UnavailableError: Redis cannot be reached; they may still be valid.
        """
        try:
            self._redis.set(revoked_key(session_id), "1", ex=listed_seconds(lifetime))
        except redis.RedisError as error:
            raise UnavailableError(
                "The session's access tokens cannot be ended just now; try again."
            ) from error


def revoked_key(session_id: SessionId) -> str:
    """Return the key that exists once the session has ended."""
    return f"revoked:{session_id}"


def listed_seconds(access_lifetime: int) -> int:
    """Return how long an ended session is listed, where access tokens live `access_lifetime` s."""
    return access_lifetime + _MARGIN_S


def _incomplete() -> UnavailableError:
    return UnavailableError("The list of ended sessions is not restored yet.")
