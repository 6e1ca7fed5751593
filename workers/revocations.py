"""Tells a Redis that was lost, or put back to an older state, which sessions have ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from redis import Redis
from sqlalchemy import Engine, text

from runtime.clock import Clock
from runtime.ids import Epoch
from runtime.logging import get_logger
from runtime.revocations import COMPLETE_KEY, listed_seconds, revoked_key

_log = get_logger(__name__)
_ENDED = text("SELECT id, ended_at FROM identity.ended_session WHERE ended_at > :since")


class EndedSessions:
    """Keeps complete what Redis lists: until it is, no service believes an access token."""

    def __init__(self, redis: Redis, engine: Engine, *, access_lifetime: int, clock: Clock) -> None:
        """Read from the primary behind `engine`; access tokens live `access_lifetime` seconds."""
        self._redis = redis
        self._engine = engine
        self._listed = timedelta(seconds=listed_seconds(access_lifetime))
        self._clock = clock

    def restore(self, epoch: Epoch | None) -> int:
        """List what ended lately, unless that was done in this epoch; return how many that were.

        Raises:
            redis.RedisError: Redis is away.
            sqlalchemy.exc.DBAPIError: The database is away.
        """
        told = self._redis.get(COMPLETE_KEY)
        if epoch is None or told == str(epoch).encode():
            return 0
        now = self._clock()
        with self._engine.connect() as connection:
            ended = connection.execute(_ENDED, {"since": now - self._listed}).all()
        # One connection, the mark last: a Redis that is lost meanwhile does not get it.
        with self._redis.pipeline(transaction=False) as pipe:
            for session_id, ended_at in ended:
                pipe.set(revoked_key(session_id), "1", ex=self._seconds_left(ended_at, now))
            pipe.set(COMPLETE_KEY, int(epoch))
            pipe.execute()
        _log.info("revocations.restored", sessions=len(ended), epoch=epoch)
        return len(ended)

    def _seconds_left(self, ended_at: datetime, now: datetime) -> int:
        return max(1, ceil((ended_at + self._listed - now).total_seconds()))
