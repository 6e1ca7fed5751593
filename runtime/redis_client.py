"""Makes Redis clients for the ACL users of the services; connects to nothing by itself."""

from __future__ import annotations

from redis import Connection, ConnectionPool, Redis, SSLConnection
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from runtime.redis_address import RedisAddress
from runtime.redis_profiling import ProfiledConnection, ProfiledTlsConnection
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
    address = RedisAddress.parse(settings.url)
    pool = ConnectionPool(
        connection_class=_kind(profiled=settings.profile.enabled, tls=address.tls),
        host=address.host,
        port=address.port,
        db=address.database,
        username=address.user,
        password=settings.password.reveal(),
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_timeout=answer_timeout,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        **address.tls_options,
    )
    return Redis(connection_pool=pool)


def _kind(*, profiled: bool, tls: bool) -> type[Connection]:
    if tls:
        return ProfiledTlsConnection if profiled else SSLConnection
    return ProfiledConnection if profiled else Connection
