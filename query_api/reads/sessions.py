"""Tells the token guard which sessions have ended: Redis knows at once, the database as well."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Uuid, column, literal_column, select, table

from query_api.reads.reader import Selects
from query_api.reads.statements import Statement, uuid_parameter
from runtime.errors import UnavailableError
from runtime.ids import SessionId
from runtime.logging import get_logger
from web.guard import Revocations

_log = get_logger(__name__)

# So long Redis is not asked again after it failed: a Redis that hangs would hold every request.
_PAUSE_S = 1.0
_NEVER = float("-inf")
_ended = table("ended_session", column("id", Uuid(as_uuid=False)), schema="identity")
_FIND = Statement(
    select(literal_column("1")).select_from(_ended).where(_ended.c.id == uuid_parameter("session"))
)


class EndedSessions:
    """Knows ended sessions by the list of Redis, and while that is away by the database.

    So reads go on without Redis, and a session's end stays effective.
    """

    def __init__(
        self,
        listed: Revocations,
        replica: Selects,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask `listed` first."""
        self._listed = listed
        self._replica = replica
        self._clock = clock
        self._away_until = _NEVER

    def is_revoked(self, session_id: SessionId) -> bool:
        """Return whether the session has ended.

        Raises:
            UnavailableError: Neither can tell.
        """
        now = self._clock()
        if now >= self._away_until:
            if self._away_until > _NEVER:
                # This one looks whether Redis is back; the others need not wait for it.
                self._away_until = now + _PAUSE_S
            try:
                revoked = self._listed.is_revoked(session_id)
            except UnavailableError as error:
                self._away_until = self._clock() + _PAUSE_S
                _log.warning("revocations.unreachable", cause=repr(error.__cause__))
            else:
                self._away_until = _NEVER
                return revoked
        return bool(self._replica.select(_FIND, {"session": str(session_id)}))
