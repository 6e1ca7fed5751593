"""Sessions: one login each; opened, listed, ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from auth_api.errors import LoginFailedError, SessionUnknownError
from auth_api.proofs import Proof, hold
from auth_api.settings import Lifetimes
from auth_api.tokens import Grant
from database.models import identity
from runtime.clock import Clock, utc_now
from runtime.ids import AccountId, SessionId, new_id
from runtime.logging import get_logger
from runtime.revocations import RevocationList, listed_seconds

_LONGEST_TEXT = 512
# How long a session that has ended is remembered, at least; until the next login of its account.
_KEPT_S = 86_400

_log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Client:
    """Where a login comes from, as far as that can be known."""

    user_agent: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session as its owner sees it."""

    id: SessionId
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    address: str


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

    def open(self, proof: Proof, client: Client) -> Grant:
        """Return the grant of a new session for who knew the password.

        Raises:
            LoginFailedError: The password was changed, or the account deleted, a moment ago.
        """
        now = self._clock()
        session_id = SessionId(new_id())
        expires_at = now + timedelta(seconds=self._lifetimes.session)
        row = {
            "id": session_id,
            "account_id": proof.account_id,
            "created_at": now,
            "last_used_at": now,
            "expires_at": expires_at,
            "user_agent": client.user_agent[:_LONGEST_TEXT],
            "address": client.address[:_LONGEST_TEXT],
        }
        with self._engine.begin() as tx:
            # A change of the password ends all sessions but one: a login that knew the old password
            # must come wholly before it, and be ended, or not at all.
            if not hold(tx, proof, shared=True):
                raise LoginFailedError
            self._forget_old_in(tx, proof.account_id, now)
            tx.execute(sa.insert(identity.Session).values(row))
            return Grant(
                account_id=proof.account_id,
                session_id=session_id,
                refresh_id=issue_refresh_token(tx, session_id, now),
                ends_at=min(expires_at, now + timedelta(seconds=self._lifetimes.idle)),
            )

    def _forget_old_in(self, tx: sa.Connection, account_id: AccountId, now: datetime) -> None:
        # Where somebody logged in from is kept no longer than it helps to see a stranger's login.
        table = identity.Session
        kept = timedelta(seconds=max(_KEPT_S, listed_seconds(self._lifetimes.access)))
        idle = timedelta(seconds=self._lifetimes.idle)
        old = sa.select(table.id).where(
            table.account_id == account_id,
            (table.ended_at < now - kept)
            | (table.expires_at < now - kept)
            | (table.last_used_at < now - kept - idle),
        )
        # Two logins at once must not wait for one another's rows.
        tx.execute(sa.delete(table).where(table.id.in_(old.with_for_update(skip_locked=True))))

    def of(self, account_id: AccountId) -> list[Session]:
        """Return the account's live sessions, the one used last first."""
        table, now = identity.Session, self._clock()
        statement = (
            sa.select(
                table.id, table.created_at, table.last_used_at, table.user_agent, table.address
            )
            .where(
                table.account_id == account_id,
                table.ended_at.is_(None),
                table.expires_at > now,
                table.last_used_at > now - timedelta(seconds=self._lifetimes.idle),
            )
            .order_by(table.last_used_at.desc(), table.id)
        )
        with self._engine.connect() as connection:
            return [Session(**row._asdict()) for row in connection.execute(statement)]

    def end(self, account_id: AccountId, session_id: SessionId) -> None:
        """End one session: its refresh tokens at once, its access tokens within 5 seconds.

        Raises:
            SessionUnknownError: The account has had no such session.
            UnavailableError: Its access tokens may still be valid; repeat it.
        """
        table = identity.Session
        mine = (table.account_id == account_id) & (table.id == session_id)
        with self._engine.begin() as tx:
            if tx.execute(sa.select(table.id).where(mine)).one_or_none() is None:
                raise SessionUnknownError
            mark_ended(tx, self._clock(), mine)
        self.revoke([session_id])

    def end_all(self, account_id: AccountId) -> None:
        """End all sessions of the account, as `end` does.

        Raises:
            UnavailableError: Nothing has ended; repeat it.
        """
        with self._engine.begin() as tx:
            self.end_in(tx, account_id)

    def end_in(
        self, tx: sa.Connection, account_id: AccountId, *, keep: SessionId | None = None
    ) -> None:
        """End the sessions of the account but `keep`, once `tx` is committed.

        Raises:
            UnavailableError: Redis cannot be told; roll `tx` back and repeat it.
        """
        table = identity.Session
        which = table.account_id == account_id
        if keep is not None:
            which &= table.id != keep
        # Redis first: should the commit fail, some must log in anew; the other way round, a thief
        # could go on.
        self.revoke(mark_ended(tx, self._clock(), which))

    def forget_clients_in(self, tx: sa.Connection, account_id: AccountId) -> None:
        """Forget from where the account logged in, once `tx` is committed."""
        table = identity.Session
        tx.execute(
            sa.update(table).where(table.account_id == account_id).values(user_agent="", address="")
        )

    def revoke(self, session_ids: Iterable[SessionId]) -> None:
        """Make the access tokens of ended sessions invalid.

        Raises:
            UnavailableError: They may still be valid; repeat it.
        """
        for session_id in session_ids:
            _log.info("session.ended", session=session_id)
            self._revocations.revoke(session_id, lifetime=self._lifetimes.access)


def issue_refresh_token(tx: sa.Connection, session_id: SessionId, now: datetime) -> UUID:
    """Return the id of a new refresh token of the session."""
    token_id = new_id()
    tx.execute(
        sa.insert(identity.RefreshToken).values(id=token_id, session_id=session_id, issued_at=now)
    )
    return token_id


def mark_ended(tx: sa.Connection, now: datetime, which: sa.ColumnElement[bool]) -> list[SessionId]:
    """End those of `which` that have not ended; return their ids."""
    session = identity.Session
    ended = tx.execute(
        sa.update(session)
        .where(which, session.ended_at.is_(None))
        .values(ended_at=now)
        .returning(session.id)
    )
    return [SessionId(session_id) for (session_id,) in ended]
