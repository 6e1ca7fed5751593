"""Calls about one's own account and its sessions."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import httpx

from messaging_client.caller import Caller, understood
from messaging_client.errors import UnauthorizedError
from messaging_client.models import Account, Deletion, SessionInfo
from messaging_client.session import Credentials
from messaging_client.transport import Call, document


class AccountCalls:
    """What one may do with one's account."""

    _caller: Caller

    @property
    def is_logged_in(self) -> bool:
        """Whether there was a login and no logout; the service may have ended the session."""
        return self._caller.session.is_open

    def access_token(self) -> str:
        """Return a good access token, for requests that this client does not know.

        Raises:
            NotLoggedInError: There was no login.
            UnauthorizedError: The session has ended.
        """
        return self._caller.session.access_token()

    def register(self, username: str, email: str, password: str) -> Account:
        """Create an account; this does not log in.

        Raises:
            UsernameTakenError: With `tried_before` it may be the account that an earlier attempt
                of this call made, whose answer was lost: a login tells.
            EmailTakenError: Likewise.
            InvalidFieldsError: The name or the password is not allowed.
        """
        body = {"username": username, "email": email, "password": password}
        call = Call(method="POST", path="/auth/v1/register", json=body)
        return understood(Account.of, document(self._caller.transport.send(call)))

    def login(self, username: str, password: str, *, remember: bool = False) -> None:
        """Start a session, which is renewed as long as the service allows.

        Args:
            username: Whose.
            password: The account's.
            remember: Keep both in memory, to start another session when this one has ended.

        Raises:
            LoginFailedError: No account has this username and password.
            TooManyFailuresError: Too many logins failed lately.
        """
        credentials = Credentials(username=username, password=password)
        self._caller.log_in(credentials, remember=remember)

    def logout(self) -> None:
        """End this session; it is no error if it has ended already."""
        # Ended from elsewhere, or by an attempt whose answer was lost: that is as well.
        with suppress(UnauthorizedError):
            self._caller.send(Call(method="POST", path="/auth/v1/logout"))
        self._caller.log_out()

    def me(self) -> Account:
        """Return the account that is logged in."""
        answer = self._caller.send(Call(method="GET", path="/auth/v1/me"))
        return understood(Account.of, document(answer))

    def sessions(self) -> tuple[SessionInfo, ...]:
        """Return the account's sessions, the one used last first."""
        answer = document(self._caller.send(Call(method="GET", path="/auth/v1/sessions")))
        return understood(lambda told: tuple(map(SessionInfo.of, told["items"])), answer)

    def end_session(self, session_id: UUID | str) -> None:
        """End one of the account's sessions.

        Raises:
            NotFoundError: The account has no such session.
        """
        path = f"/auth/v1/sessions/{UUID(str(session_id))}"
        self._caller.send(Call(method="DELETE", path=path))

    def end_all_sessions(self) -> None:
        """End all sessions of the account, this one too.

        A session that is found ended after an attempt whose answer was lost counts as ended by it.

        Raises:
            UnauthorizedError: This session had ended before.
        """
        self._send_last(Call(method="DELETE", path="/auth/v1/sessions"))
        self._caller.log_out()

    def change_password(self, current: str, new: str) -> None:
        """Change the password, which ends every other session.

        Raises:
            PasswordWrongError: `current` is not the password. With `tried_before` an earlier
                attempt of this call, whose answer was lost, may have changed it.
            InvalidFieldsError: `new` is not allowed.
        """
        body = {"current_password": current, "new_password": new}
        self._caller.send(Call(method="POST", path="/auth/v1/password", json=body))
        self._caller.session.remember_password(new)

    def delete_account(self, password: str) -> Deletion | None:
        """Delete the account and, soon after, all that it wrote; this cannot be undone.

        Returns:
            What the service promised; None where that was lost on the way: an attempt got no
            answer, and the next one found no account.

        Raises:
            PasswordWrongError: It is not the account's.
            UnauthorizedError: The session had ended before, and nothing was deleted.
        """
        call = Call(method="DELETE", path="/auth/v1/me", json={"password": password})
        # Of an account that is gone the service says "refresh-token-invalid", or "login-failed".
        answer = self._send_last(call, unless="session-revoked")
        deletion = None if answer is None else understood(Deletion.of, document(answer))
        self._caller.log_out()
        return deletion

    def _send_last(self, call: Call, *, unless: str | None = None) -> httpx.Response | None:
        """Return the answer to a call that ends the session; None where that was lost.

        Args:
            call: The call.
            unless: The slug of the refusal that shows that no attempt had its effect.
        """
        try:
            return self._caller.send(call)
        except UnauthorizedError as error:
            if not error.tried_before or error.slug == unless:
                raise
        return None
