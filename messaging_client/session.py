"""One session: an access token of five minutes, and the refresh token that renews it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import httpx

from messaging_client.errors import (
    ConnectionFailedError,
    MessagingError,
    NotLoggedInError,
    RateLimitedError,
    ServerError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from messaging_client.transport import Call, Transport, document

_REFRESH_COOKIE = "refresh_token_cookie"
_CSRF_COOKIE = "csrf_refresh_token"
# An access token is renewed when so much of its life is over: it must not end on the way.
_USABLE = 0.8


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a login needs; it shows no password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a login or a refresh granted; it shows none of it.

    Attributes:
        access: The access token.
        refresh: The refresh token.
        csrf: What goes with the refresh token.
        renew_at: When to renew the access token, by the clock of the client's `Retries`.
        expires_at: When it ends.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    csrf: str = field(repr=False)
    renew_at: float
    expires_at: float


class Session:
    """Logs in, and has a good access token at hand; any number of threads may share it."""

    def __init__(self, transport: Transport) -> None:
        """Begin without a session."""
        self._transport = transport
        self._clock = transport.retries.clock
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None
        self._remembered: Credentials | None = None

    @property
    def is_open(self) -> bool:
        """Whether a session was started and not closed here; the service may have ended it."""
        return self._tokens is not None

    def log_in(self, credentials: Credentials, *, remember: bool) -> None:
        """Start a session, which takes the place of the one before.

        Args:
            credentials: Whose.
            remember: Whether to keep them in memory, to start another when this one has ended.
        """
        with self._lock:
            self._tokens = self._granted_for(credentials)
            self._remembered = credentials if remember else None

    def remember_password(self, password: str) -> None:
        """Take `password` for that of the remembered credentials, if there are any."""
        with self._lock:
            if self._remembered is not None:
                self._remembered = replace(self._remembered, password=password)

    def forget(self) -> None:
        """Forget tokens and credentials: there is no session any more."""
        with self._lock:
            self._tokens = self._remembered = None

    def access_token(self, *, refused: str | None = None) -> str:
        """Return an access token other than `refused`, renewed if it is about to end.

        While one thread renews it, the others go on with the old one as long as that is good.

        Raises:
            NotLoggedInError: There is no session.
            UnauthorizedError: The session has ended, and no credentials are remembered.
        """
        tokens = self._tokens
        if tokens is None:
            raise NotLoggedInError("There is no session: log in first.")
        if tokens.access != refused and self._clock() < tokens.renew_at:
            return tokens.access
        is_good = tokens.access != refused and self._clock() < tokens.expires_at
        if not self._lock.acquire(blocking=not is_good):
            return tokens.access
        try:
            return self._renewed(refused)
        finally:
            self._lock.release()

    def _renewed(self, refused: str | None) -> str:
        """Return a good access token; only one thread at a time may be here."""
        tokens = self._tokens
        if tokens is None:
            raise NotLoggedInError("The session was closed meanwhile.")
        is_refused = tokens.access == refused
        if not is_refused and self._clock() < tokens.renew_at:
            # Another thread was quicker.
            return tokens.access
        try:
            self._tokens = tokens = self._refreshed(tokens)
        except (ConnectionFailedError, RateLimitedError, ServerError):
            if is_refused or self._clock() >= tokens.expires_at:
                raise
        return tokens.access

    def _refreshed(self, tokens: Tokens) -> Tokens:
        # Sent again after a lost answer, it meets the 10 s in which a used token is still good.
        call = Call(
            method="POST",
            path="/auth/v1/token",
            headers={
                "Cookie": f"{_REFRESH_COOKIE}={tokens.refresh}",
                "X-CSRF-TOKEN": tokens.csrf,
            },
        )
        try:
            return self._granted(self._transport.send(call))
        except UnauthorizedError:
            if self._remembered is None:
                raise
        return self._granted_for(self._remembered)

    def _granted_for(self, credentials: Credentials) -> Tokens:
        body = {"username": credentials.username, "password": credentials.password}
        call = Call(method="POST", path="/auth/v1/login", json=body)
        return self._granted(self._transport.send(call))

    def _granted(self, answer: httpx.Response) -> Tokens:
        now = self._clock()
        try:
            granted = document(answer)
            return Tokens(
                access=str(granted["access_token"]),
                refresh=answer.cookies[_REFRESH_COOKIE],
                csrf=answer.cookies[_CSRF_COOKIE],
                renew_at=now + _USABLE * granted["expires_in"],
                expires_at=now + granted["expires_in"],
            )
        except (KeyError, TypeError) as error:
            raise _incomplete(answer) from error


def _incomplete(answer: httpx.Response) -> MessagingError:
    error = UnexpectedAnswerError("The answer to a login or a refresh lacks a token or a cookie.")
    error.request_id = answer.headers.get("X-Request-ID", "")
    return error
