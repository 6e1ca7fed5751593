"""Confirming a grave step: who asks for it must know the password, not only hold a token."""

from __future__ import annotations

from auth_api.accounts import Accounts
from auth_api.errors import PasswordWrongError
from auth_api.failures import LoginFailures
from auth_api.passwords import Passwords, normalised
from auth_api.proofs import Proof
from runtime.logging import get_logger
from web.guard import Identity, TokenInvalidError

_log = get_logger(__name__)


class Confirmations:
    """Checks the password of who is logged in; wrong ones count as failed logins do."""

    def __init__(
        self, *, accounts: Accounts, passwords: Passwords, failures: LoginFailures
    ) -> None:
        """Use the parts given."""
        self._accounts = accounts
        self._passwords = passwords
        self._failures = failures

    def confirm(self, who: Identity, password: str, *, address: str) -> Proof:
        """Return the proof that who asks knows the password.

        Raises:
            PasswordWrongError: This is not the password.
            TokenInvalidError: The account does not exist any more.
            TooManyFailuresError: Too many wrong passwords were given, here or at logins.
            UnavailableError: A part is away; nothing was changed.
        """
        typed = normalised(password)
        account = self._accounts.get(who.account_id)
        if account is None:
            raise _gone()
        # A stolen access token must not be a way to try passwords without end.
        with self._failures.attempt(username=account.username, address=address) as attempt:
            known = self._accounts.credentials(account.username)
            attempt.succeeded = self._passwords.matches(
                typed, known.password_hash if known is not None else None
            )
        if known is None:  # Deleted while the password was looked at.
            raise _gone()
        if not attempt.succeeded:
            _log.warning("password.wrong", account=who.account_id, session=who.session_id)
            raise PasswordWrongError
        return Proof.of(known, typed, self._passwords)


def _gone() -> TokenInvalidError:
    return TokenInvalidError("The account does not exist any more.")
