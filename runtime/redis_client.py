"""Makes Redis clients for the ACL users of the services; connects to nothing by itself."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from redis import Connection, ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from runtime.redis_profiling import ProfiledConnection
from runtime.settings import RedisSettings

_CONNECT_TIMEOUT_S = 1.0
_ANSWER_TIMEOUT_S = 3.0


def connect(settings: RedisSettings, *, answer_timeout: float = _ANSWER_TIMEOUT_S) -> Redis:
    """Return a client whose answers are bytes and that tries a broken connection once anew.

    A command may so run twice: use it for commands of which a repetition does no harm.

    Args:
        settings: Where to connect, as which ACL user, with which password.
        answer_timeout: Seconds to wait for an answer.
    """
    parts = urlsplit(settings.url)
    pool = ConnectionPool(
        connection_class=ProfiledConnection if settings.profile.enabled else Connection,
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 6379,
        db=int(parts.path.lstrip("/") or 0),
        username=unquote(parts.username or "default"),
        password=settings.password.reveal(),
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_timeout=answer_timeout,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    return Redis(connection_pool=pool)
