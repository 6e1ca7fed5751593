"""The rotation of refresh tokens: each is good for one use, and a replay ends its session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from auth_api.errors import RefreshTokenInvalidError, SessionRevokedError
from auth_api.sessions import Sessions, issue_refresh_token, mark_ended
from auth_api.settings import Lifetimes
from auth_api.tokens import Grant
from database.models import identity
from runtime.clock import Clock, utc_now
from runtime.ids import AccountId, SessionId
from runtime.logging import get_logger
from runtime.meters import count

_log = get_logger(__name__)

# How long a rotated token is kept beyond the grace; one that is not kept any more is a replay too.
_KEPT_S = 60

_Verdict = Literal["good", "ended", "replayed"]
_COUNTED_AS = {"good": "succeeded", "ended": "ended", "replayed": "replayed"}


@dataclass(frozen=True, kw_only=True)
class _Session:
    id: SessionId
    account_id: AccountId
    last_used_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class Rotation:
    """Exchanges a refresh token for the next one."""

    def __init__(
        self,
        engine: sa.Engine,
        sessions: Sessions,
        *,
        lifetimes: Lifetimes,
        clock: Clock = utc_now,
    ) -> None:
        """Use the database behind `engine`; `sessions` tells Redis of a session that ends."""
        self._engine = engine
        self._sessions = sessions
        self._clock = clock
        self._idle = timedelta(seconds=lifetimes.idle)
        self._grace = timedelta(seconds=lifetimes.grace)

    def refresh(self, session_id: SessionId, token_id: UUID) -> Grant:
        """Return the next grant for who holds the refresh token, which is rotated by that.

        Within the grace after its rotation it earns another grant as good as the first.

        Raises:
            SessionRevokedError: The session has ended, or ends now, since the token was replayed.
            RefreshTokenInvalidError: There is no such session.
            UnavailableError: The session has ended, but Redis cannot be told; repeat it.
        """
        with self._engine.begin() as tx:
            session = _locked(tx, session_id)
            now = self._clock()
            verdict = self._judge(tx, session, token_id, now)
            if verdict == "good":
                grant = self._grant(tx, session, token_id, now)
            elif verdict == "replayed":
                mark_ended(tx, now, identity.Session.id == session_id)
        count("messaging_token_refreshes_total", _COUNTED_AS[verdict])
        if verdict == "good":
            return grant
        if verdict == "replayed":
            _log.warning("session.replayed", session=str(session_id))
        self._sessions.revoke([session_id])
        raise SessionRevokedError

    def _judge(
        self, tx: sa.Connection, session: _Session, token_id: UUID, now: datetime
    ) -> _Verdict:
        if session.ended_at is not None or session.expires_at <= now:
            return "ended"
        if session.last_used_at <= now - self._idle:
            return "ended"
        table = identity.RefreshToken
        token = tx.execute(
            sa.select(table.rotated_at).where(table.id == token_id, table.session_id == session.id)
        ).one_or_none()
        if token is None:
            return "replayed"
        if token.rotated_at is not None and now - token.rotated_at > self._grace:
            return "replayed"
        return "good"

    def _grant(self, tx: sa.Connection, session: _Session, token_id: UUID, now: datetime) -> Grant:
        table = identity.RefreshToken
        # The grace runs from the first use: a later one within it must not prolong it.
        tx.execute(
            sa.update(table)
            .where(table.id == token_id, table.rotated_at.is_(None))
            .values(rotated_at=now)
        )
        long_ago = now - self._grace - timedelta(seconds=_KEPT_S)
        tx.execute(
            sa.delete(table).where(table.session_id == session.id, table.rotated_at < long_ago)
        )
        used = identity.Session
        tx.execute(sa.update(used).where(used.id == session.id).values(last_used_at=now))
        return Grant(
            account_id=session.account_id,
            session_id=session.id,
            refresh_id=issue_refresh_token(tx, session.id, now),
            ends_at=min(session.expires_at, now + self._idle),
        )


def _locked(tx: sa.Connection, session_id: SessionId) -> _Session:
    session, account = identity.Session, identity.Account
    row = tx.execute(
        sa.select(
            session.id,
            session.account_id,
            session.last_used_at,
            session.expires_at,
            session.ended_at,
        )
        .join(account, account.id == session.account_id)
        .where(session.id == session_id, account.deleted_at.is_(None))
        .with_for_update(of=session)
    ).one_or_none()
    if row is None:
        raise RefreshTokenInvalidError
    return _Session(**row._asdict())
