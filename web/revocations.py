"""Sessions that have ended, kept in Redis for as long as one of their access tokens may run."""

from __future__ import annotations

import redis

from runtime.errors import UnavailableError
from runtime.ids import SessionId
from runtime.revocations import COMPLETE_KEY, revoked_key


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

    def revoke(self, session_id: SessionId, *, seconds: int) -> None:
        """Make the session's access tokens invalid for `seconds`: as long as the youngest runs.

        Raises:
            UnavailableError: Redis cannot be reached; they may still be valid.
        """
        try:
            self._redis.set(revoked_key(session_id), "1", ex=seconds)
        except redis.RedisError as error:
            raise UnavailableError(
                "The session's access tokens cannot be ended just now; try again."
            ) from error


def _incomplete() -> UnavailableError:
    return UnavailableError("The list of ended sessions is not restored yet.")
