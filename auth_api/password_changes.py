"""Changing a password: by who knows the present one, and ending every other session."""

from __future__ import annotations

import sqlalchemy as sa

from auth_api.accounts import Accounts
from auth_api.confirmations import Confirmations
from auth_api.errors import PasswordWrongError
from auth_api.passwords import OWN_NAME, Passwords, is_own_name
from auth_api.proofs import hold
from auth_api.sessions import Sessions
from runtime.logging import get_logger
from web.guard import Identity
from web.problems import InvalidFieldsError

_log = get_logger(__name__)


class PasswordChanges:
    """Replaces the password of an account."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        accounts: Accounts,
        passwords: Passwords,
        confirmations: Confirmations,
        sessions: Sessions,
    ) -> None:
        """Use the parts given, and the database behind `engine`."""
        self._engine = engine
        self._accounts = accounts
        self._passwords = passwords
        self._confirmations = confirmations
        self._sessions = sessions

    def change(self, who: Identity, *, current: str, new: str, address: str) -> None:
        """Replace the password and end every session but the one that asks.

        Raises:
            InvalidFieldsError: `new` is the username or the e-mail address.
            PasswordWrongError: `current` is not the password.
            TooManyFailuresError: Too many wrong passwords were given, here or at logins.
            UnavailableError: A part is away; nothing was changed.
        """
        proof = self._confirmations.confirm(who, current, address=address)
        account = self._accounts.get(who.account_id)
        if account is not None and is_own_name(new, account.username, account.email):
            raise InvalidFieldsError({"new_password": [OWN_NAME]})
        hashed = self._passwords.hash(new)
        with self._engine.begin() as tx:
            if not hold(tx, proof, shared=False):
                raise PasswordWrongError
            self._accounts.replace_password_in(tx, who.account_id, hashed)
            self._sessions.end_in(tx, who.account_id, keep=who.session_id)
        _log.info("password.changed", account=who.account_id, session=who.session_id)
