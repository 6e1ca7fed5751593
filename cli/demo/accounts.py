"""The people's accounts: registered once, logged in when needed, logged in again when expired."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx

from cli.demo.book import Book
from cli.demo.client import ApiError, Client, Request
from cli.demo.errors import DemoError
from cli.demo.people import substitute

_REFRESH_COOKIE = "refresh_token_cookie"
_CSRF_COOKIE = "csrf_refresh_token"
# An access token is renewed when so much of its life is over: it must not end on the way.
_USABLE = 0.8
_LOCKS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class _Session:
    access_token: str
    good_until: float
    refresh_token: str
    csrf_token: str


class Accounts:
    """Acts for the people of the chat file; any number of threads may share it.

    A person's *name* is what the chat file's nickname was made into. Its *username* is nearly
    always the same: another one only where a stranger has that name already.
    """

    def __init__(
        self, client: Client, book: Book, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Send by `client` and remember in `book`."""
        self._client = client
        self._book = book
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def is_known(self, name: str) -> bool:
        """Return whether an earlier demo registered this person."""
        return self._book.username(name) is not None

    def username(self, name: str) -> str:
        """Return the username of a person, who must be registered."""
        return self._book.username(name) or name

    def register(self, name: str) -> None:
        """See to it that the person has an account of ours, and remember it.

        Raises:
            DemoError: Others have the name and its substitute.
        """
        for username in (name, substitute(name)):
            if self._claim(name, username):
                self._book.add(name, username)
                return
        raise DemoError(f"Others have registered both {name!r} and {substitute(name)!r}.")

    def log_in(self, name: str) -> None:
        """Start a session of the person, unless there is one with a good access token.

        Raises:
            DemoError: The account is gone, and another cannot be had.
        """
        self._access_token(name)

    def send(self, name: str, request: Request) -> httpx.Response:
        """Return the successful answer to a request in the person's name.

        Raises:
            ApiError: The service refused it.
        """
        try:
            return self._client.send(_signed(request, self._access_token(name)))
        except ApiError as error:
            if error.status != 401:
                raise
        # The session has ended, or the clocks differ: once more with a new token.
        with self._lock(name):
            self._sessions.pop(name, None)
        return self._client.send(_signed(request, self._access_token(name)))

    def _claim(self, name: str, username: str) -> bool:
        """Return whether there is now an account of this username that is ours."""
        # No part of a nickname: those hold what no e-mail address may.
        local_part = hashlib.sha256(username.encode()).hexdigest()[:24]
        body = {
            "username": username,
            "email": f"demo-{local_part}@example.org",
            "password": self._book.password(username),
        }
        try:
            self._client.send(Request(method="POST", path="/auth/v1/register", json=body))
        except ApiError as error:
            if error.status != 409:
                raise
            # A new secret fits no account, but for one that an attempt made whose answer was lost.
            may_be_ours = error.tried_before or not self._book.is_new
            return may_be_ours and self._try_to_log_in(name, username)
        return True

    def _try_to_log_in(self, name: str, username: str) -> bool:
        """Return whether the account that has this username is ours, logged in then."""
        try:
            self._sessions[name] = self._log_in(username)
        except ApiError as error:
            if error.status != 401:
                raise
            return False
        return True

    def _access_token(self, name: str) -> str:
        session = self._sessions.get(name)
        if session is None or session.good_until < self._clock():
            with self._lock(name):
                session = self._renewed(name)
        return session.access_token

    def _renewed(self, name: str) -> _Session:
        session = self._sessions.get(name)
        if session is not None and session.good_until >= self._clock():
            return session
        try:
            session = self._refresh(session) if session else self._log_in(self.username(name))
        except ApiError as error:
            if error.status != 401:
                raise
            session = self._log_in_afresh(name)
        self._sessions[name] = session
        return session

    def _log_in_afresh(self, name: str) -> _Session:
        """Return a new session where the last is gone, or the whole account with it."""
        try:
            return self._log_in(self.username(name))
        except ApiError as error:
            if error.status != 401:
                raise
        self.register(name)
        return self._log_in(self.username(name))

    def _log_in(self, username: str) -> _Session:
        body = {"username": username, "password": self._book.password(username)}
        request = Request(method="POST", path="/auth/v1/login", json=body)
        return self._session(self._client.send(request))

    def _refresh(self, session: _Session) -> _Session:
        headers = {
            "Cookie": f"{_REFRESH_COOKIE}={session.refresh_token}",
            "X-CSRF-TOKEN": session.csrf_token,
        }
        request = Request(method="POST", path="/auth/v1/token", headers=headers)
        return self._session(self._client.send(request))

    def _session(self, answer: httpx.Response) -> _Session:
        granted = answer.json()
        return _Session(
            access_token=granted["access_token"],
            good_until=self._clock() + _USABLE * granted["expires_in"],
            refresh_token=answer.cookies[_REFRESH_COOKIE],
            csrf_token=answer.cookies[_CSRF_COOKIE],
        )

    def _lock(self, name: str) -> threading.Lock:
        return self._locks[hash(name) % len(self._locks)]


def _signed(request: Request, access_token: str) -> Request:
    headers = {**request.headers, "Authorization": f"Bearer {access_token}"}
    return replace(request, headers=headers)
