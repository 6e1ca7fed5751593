"""Makes Redis clients for the ACL users of the services; connects to nothing by itself."""

from __future__ import annotations

import redis

from runtime.settings import RedisSettings

_TIMEOUT_S = 1.0


def redis_client(settings: RedisSettings, *, timeout: float = _TIMEOUT_S) -> redis.Redis:
    """Return a client, safe to share among threads, that answers text and never waits long.

    Args:
        settings: Where to connect, as which ACL user, with which password.
        timeout: Seconds to wait for a connection and for an answer; then it is one of redis-py's
            errors.
    """
    return redis.Redis.from_url(
        settings.url,
        password=settings.password.reveal(),
        decode_responses=True,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        health_check_interval=15,
    )
