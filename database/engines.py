"""Makes SQLAlchemy engines for the roles of the services; connects to nothing by itself."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from psycopg2 import extras
from sqlalchemy import Engine, create_engine, event, make_url

from database.profiling import ProfiledConnection
from runtime.settings import DatabaseSettings

ApplicationName = Literal["api-write", "query-api"]

_CONNECT_TIMEOUT_S = 3
# PGPool chooses the read node when a connection starts: a reader that fell back to the primary
# goes home to the standby at the latest after this.
_RECYCLE_S = 60
# SET ROLE brings a role's rights, not what ALTER ROLE ... SET gives it when it logs in.
_TAKE_LIMITS = """
SELECT set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), false)
FROM pg_roles, unnest(rolconfig) AS setting
WHERE rolname = %s AND split_part(setting, '=', 1) IN ('statement_timeout', 'lock_timeout')
"""


def create_engine_for(
    settings: DatabaseSettings,
    *,
    application_name: ApplicationName,
    pool_size: int,
    autocommit: bool = False,
    pre_ping: bool = True,
    as_role: Literal["worker"] | None = None,
) -> Engine:
    """Return an engine with a fixed pool whose connections are checked before use.

    Args:
        settings: Where to connect, as which role, with which password.
        application_name: What PGPool routes by: `api-write` goes to the primary, `query-api`
            to the standby.
        pool_size: Connections at most; a thread beyond them waits up to 5 s for one.
        autocommit: Leave out BEGIN and COMMIT: right for single-statement reads.
        pre_ping: Leave it on unless the caller itself tries a broken connection once more.
        as_role: Act as this role, of which the one that connects is a member, within its
            limits of time for statements and locks.
    """
    extras.register_uuid()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
    engine = create_engine(
        make_url(settings.url).set(password=settings.password.reveal()),
        # A statement's parameters are people's messages: no error text may hold them.
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=pre_ping,
        pool_recycle=_RECYCLE_S,
        isolation_level="AUTOCOMMIT" if autocommit else None,
        connect_args={"application_name": application_name, **_connecting(settings)},
    )
    if settings.profile.enabled:
        event.listen(engine, "checkin", _explain)
    if as_role is not None:
        event.listen(engine, "connect", lambda connection, _: _become(connection, as_role))
    return engine


def _connecting(settings: DatabaseSettings) -> dict[str, Any]:
    return {
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        **_limits(settings),
        **_profiled(settings),
    }


def _limits(settings: DatabaseSettings) -> dict[str, str]:
    if not settings.statement_seconds:
        return {}
    # In the startup packet, which PGPool hands on to whichever node it chooses.
    return {"options": f"-c statement_timeout={settings.statement_seconds}s"}


def _profiled(settings: DatabaseSettings) -> dict[str, Any]:
    if not settings.profile.enabled:
        return {}
    return {"connection_factory": partial(ProfiledConnection, slow_ms=settings.profile.slow_ms)}


def _explain(connection: ProfiledConnection | None, _record: object) -> None:
    if connection is not None:  # None where it was lost.
        connection.explain()


def _become(connection: Any, role: str) -> None:
    # Outside a transaction, whose rollback would undo it.
    before, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_LIMITS, (role,))
        cursor.execute(f"SET ROLE {role}")
    connection.autocommit = before
