"""Deleting an account: gone at once for its owner; what it wrote is owed to be erased.

The transaction that deletes the account also writes down what is owed, so that neither can be
without the other. The workers' sweep finds it there: auth_api never touches the event queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from auth_api.accounts import Accounts
from auth_api.confirmations import Confirmations
from auth_api.errors import PasswordWrongError
from auth_api.proofs import hold
from auth_api.sessions import Sessions
from database.models import identity
from runtime.clock import Clock, utc_now
from runtime.ids import EventId, new_erasure_id
from runtime.logging import get_logger
from web.guard import Identity, TokenInvalidError

_log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """The promise that what the account wrote will be erased."""

    event_id: EventId
    accepted_at: datetime


class Deletions:
    """Deletes accounts."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        accounts: Accounts,
        confirmations: Confirmations,
        sessions: Sessions,
        clock: Clock = utc_now,
    ) -> None:
        """Use the parts given, and the database behind `engine`."""
        self._engine = engine
        self._accounts = accounts
        self._confirmations = confirmations
        self._sessions = sessions
        self._clock = clock

    def delete(self, who: Identity, password: str, *, address: str, request_id: str) -> Deletion:
        """Delete the account, end its sessions, and owe it the erasure of what it wrote.

        Raises:
            PasswordWrongError: This is not the password.
            TokenInvalidError: The account does not exist any more.
            TooManyFailuresError: Too many wrong passwords were given, here or at logins.
            UnavailableError: A part is away; nothing was deleted. Repeat it.
        """
        proof = self._confirmations.confirm(who, password, address=address)
        deletion = Deletion(event_id=new_erasure_id(), accepted_at=self._clock())
        with self._engine.begin() as tx:
            is_right = hold(tx, proof, shared=False)
            if is_right:
                self._accounts.delete_in(tx, who.account_id, deletion.accepted_at)
                self._owe(tx, who, deletion, request_id)
                self._sessions.forget_clients_in(tx, who.account_id)
                self._sessions.end_in(tx, who.account_id)
        if not is_right:
            raise self._overtaken(who)
        _log.info("account.deleted", account=who.account_id, session=who.session_id)
        return deletion

    def _owe(self, tx: sa.Connection, who: Identity, deletion: Deletion, request_id: str) -> None:
        tx.execute(
            sa.insert(identity.Erasure).values(
                account_id=who.account_id,
                event_id=deletion.event_id,
                requested_at=deletion.accepted_at,
                ordered_by="owner",
                request_id=request_id,
            )
        )

    def _overtaken(self, who: Identity) -> Exception:
        """Return why the account was not as it had been a moment before."""
        if self._accounts.get(who.account_id) is None:
            return TokenInvalidError("The account does not exist any more.")
        return PasswordWrongError()
