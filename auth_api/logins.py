"""Logging in: the limits, the password, the session, in that order."""

from __future__ import annotations

from auth_api.accounts import Accounts, Credentials
from auth_api.errors import LoginFailedError
from auth_api.failures import LoginFailures
from auth_api.passwords import Passwords, normalised
from auth_api.proofs import Proof
from auth_api.sessions import Client, Sessions
from auth_api.tokens import Grant
from runtime.logging import get_logger
from runtime.meters import count
from web.usernames import UsernameInvalidError, prepare_username

_log = get_logger(__name__)


class Logins:
    """Turns a username and a password into a session."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        passwords: Passwords,
        failures: LoginFailures,
        sessions: Sessions,
    ) -> None:
        """Use the parts given."""
        self._accounts = accounts
        self._passwords = passwords
        self._failures = failures
        self._sessions = sessions

    def login(self, username: str, password: str, client: Client) -> Grant:
        """Return the grant of a new session.

        Raises:
            LoginFailedError: No account has this username and password.
            TooManyFailuresError: Too many logins have failed already.
            UnavailableError: A part is away; nobody is let in by guess.
        """
        name = _prepared(username)
        typed = normalised(password)
        with self._failures.attempt(username=name, address=client.address) as attempt:
            credentials = self._accounts.credentials(name)
            known = credentials.password_hash if credentials is not None else None
            attempt.succeeded = self._passwords.matches(typed, known)
        account = credentials.account_id if credentials is not None else None
        if credentials is None or not attempt.succeeded:
            _log.warning("login.failed", account=account)
            count("messaging_logins_total", "failed")
            raise LoginFailedError
        grant = self._sessions.open(Proof.of(credentials, typed, self._passwords), client)
        count("messaging_logins_total", "succeeded")
        _log.info("login.succeeded", account=account, session=grant.session_id)
        self._rehash(credentials, typed)
        return grant

    def _rehash(self, credentials: Credentials, password: str) -> None:
        if self._passwords.is_outdated(credentials.password_hash):
            self._accounts.replace_hash(credentials, self._passwords.hash(password))


def _prepared(username: str) -> str:
    try:
        return prepare_username(username)
    except UsernameInvalidError:
        # No account can have this name; who asks shall see no difference.
        return username
