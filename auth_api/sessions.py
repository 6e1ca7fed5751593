"""Sessions: one login each, kept alive by refresh tokens that are good for one use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from auth_api.errors import RefreshTokenInvalidError, SessionRevokedError
from auth_api.settings import Lifetimes
from auth_api.tokens import Grant
from database.models import identity
from runtime.clock import Clock, utc_now
from runtime.ids import AccountId, SessionId, new_id
from runtime.logging import get_logger
from web.revocations import RevocationList

_log = get_logger(__name__)

_LONGEST_TEXT = 512
# Clocks of several machines may differ by less than this.
_MARGIN_S = 60

_Verdict = Literal["good", "ended", "replayed"]


@dataclass(frozen=True, kw_only=True)
class _Session:
    id: SessionId
    account_id: AccountId
    last_used_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class Sessions:
    """The sessions in the database; the ends of those whose access tokens run, in Redis too."""

    def __init__(
        self,
        engine: sa.Engine,
        revocations: RevocationList,
        *,
        lifetimes: Lifetimes,
        clock: Clock = utc_now,
    ) -> None:
        """Use the database behind `engine`, and tell `revocations` what has ended."""
        self._engine = engine
        self._revocations = revocations
        self._lifetimes = lifetimes
        self._clock = clock

    def open(self, account_id: AccountId, *, user_agent: str, address: str) -> Grant:
        """Return the grant of a new session."""
        now = self._clock()
        session = _Session(
            id=SessionId(new_id()),
            account_id=account_id,
            last_used_at=now,
            expires_at=now + timedelta(seconds=self._lifetimes.session),
            ended_at=None,
        )
        row = {
            **vars(session),
            "created_at": now,
            "user_agent": user_agent[:_LONGEST_TEXT],
            "address": address[:_LONGEST_TEXT],
        }
        with self._engine.begin() as tx:
            tx.execute(sa.insert(identity.Session).values(row))
            return self._grant(tx, session, now)

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
                _rotate(tx, session_id, token_id, now)
                self._prune(tx, session_id, now)
                return self._grant(tx, session, now)
            if verdict == "replayed":
                _end(tx, now, identity.Session.id == session_id)
        if verdict == "replayed":
            _log.warning("session.replayed", session=str(session_id))
        self._revoke(session_id)
        raise SessionRevokedError

    def end(self, session_id: SessionId) -> None:
        """End the session: its refresh token at once, its access tokens within 5 seconds.

        Raises:
            UnavailableError: Its access tokens may still be valid; repeat it.
        """
        with self._engine.begin() as tx:
            _end(tx, self._clock(), identity.Session.id == session_id)
        self._revoke(session_id)

    def _judge(
        self,
        tx: sa.Connection,
        session: _Session,
        token_id: UUID,
        now: datetime,
    ) -> _Verdict:
        idle_since = now - timedelta(seconds=self._lifetimes.idle)
        if session.ended_at is not None:
            return "ended"
        if session.expires_at <= now or session.last_used_at <= idle_since:
            return "ended"
        table = identity.RefreshToken
        token = tx.execute(
            sa.select(table.rotated_at).where(table.id == token_id, table.session_id == session.id)
        ).one_or_none()
        grace = timedelta(seconds=self._lifetimes.grace)
        # A genuine token that is not kept any more was rotated long ago.
        if token is None or (token.rotated_at is not None and now - token.rotated_at > grace):
            return "replayed"
        return "good"

    def _grant(self, tx: sa.Connection, session: _Session, now: datetime) -> Grant:
        refresh_id = new_id()
        tx.execute(
            sa.insert(identity.RefreshToken).values(
                id=refresh_id, session_id=session.id, issued_at=now
            )
        )
        return Grant(
            account_id=session.account_id,
            session_id=session.id,
            refresh_id=refresh_id,
            ends_at=min(session.expires_at, now + timedelta(seconds=self._lifetimes.idle)),
        )

    def _prune(self, tx: sa.Connection, session_id: SessionId, now: datetime) -> None:
        table = identity.RefreshToken
        long_ago = now - timedelta(seconds=self._lifetimes.grace + _MARGIN_S)
        tx.execute(
            sa.delete(table).where(table.session_id == session_id, table.rotated_at < long_ago)
        )

    def _revoke(self, session_id: SessionId) -> None:
        self._revocations.revoke(session_id, seconds=self._lifetimes.access + _MARGIN_S)


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


def _rotate(tx: sa.Connection, session_id: SessionId, token_id: UUID, now: datetime) -> None:
    token, session = identity.RefreshToken, identity.Session
    # The grace runs from the first use: a later one within it must not prolong it.
    tx.execute(
        sa.update(token)
        .where(token.id == token_id, token.rotated_at.is_(None))
        .values(rotated_at=now)
    )
    tx.execute(sa.update(session).where(session.id == session_id).values(last_used_at=now))


def _end(tx: sa.Connection, now: datetime, which: sa.ColumnElement[bool]) -> None:
    session = identity.Session
    tx.execute(sa.update(session).where(which, session.ended_at.is_(None)).values(ended_at=now))
