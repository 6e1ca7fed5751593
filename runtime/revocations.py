"""Sessions that have ended, kept in Redis for as long as one of their access tokens may run."""

from __future__ import annotations

import redis

from runtime.errors import UnavailableError
from runtime.ids import SessionId

# Seconds that an access token lives unless MESSAGING_ACCESS_LIFETIME says otherwise.
ACCESS_LIFETIME_S = 300
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
            UnavailableError: Redis cannot be reached, so nobody knows.
        """
        try:
            return self._redis.get(_key(session_id)) is not None
        except redis.RedisError as error:
            raise UnavailableError("The list of ended sessions cannot be read just now.") from error

    def revoke(self, session_id: SessionId, *, lifetime: int) -> None:
        """Make the session's access tokens, which live `lifetime` seconds, invalid.

        Raises:
            UnavailableError: Redis cannot be reached; they may still be valid.
        """
        try:
            self._redis.set(_key(session_id), "1", ex=lifetime + _MARGIN_S)
        except redis.RedisError as error:
            raise UnavailableError(
                "The session's access tokens cannot be ended just now; try again."
            ) from error


def _key(session_id: SessionId) -> str:
    return f"revoked:{session_id}"
