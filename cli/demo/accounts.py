"""The people's accounts: registered once, logged in when needed, logged in again when expired."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import TypeVar

from cli.demo.book import Book
from cli.demo.errors import DemoError
from cli.demo.people import substitute
from messaging_client import ConflictError, LoginFailedError, MessagingClient, UnauthorizedError

T = TypeVar("T")
_LOCKS = 64


class Accounts:
    """Acts for the people of the chat file; any number of threads may share it.

    A person's *name* is what the chat file's nickname was made into. Its *username* is nearly
    always the same: another one only where a stranger has that name already.
    """

    def __init__(self, connect: Callable[[], MessagingClient], book: Book) -> None:
        """Let each person have a client that `connect` makes, and remember people in `book`."""
        self._connect = connect
        self._book = book
        self._strangers = connect()
        self._clients: dict[str, MessagingClient] = {}
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
        """Start a session of the person, unless there is one.

        Raises:
            DemoError: The account is gone, and another cannot be had.
        """
        self._client(name)

    def act(self, name: str, do: Callable[[MessagingClient], T]) -> T:
        """Return what `do` returns, done in the person's name.

        Raises:
            MessagingError: The client's, if the service refused it.
        """
        client = self._client(name)
        try:
            return do(client)
        except UnauthorizedError:
            # Not even a login helped: the account is gone.
            with self._lock(name):
                if self._clients.get(name) is client:
                    del self._clients[name]
        return do(self._client(name))

    def _claim(self, name: str, username: str) -> bool:
        """Return whether there is now an account of this username that is ours."""
        # No part of a nickname: those hold what no e-mail address may.
        local_part = hashlib.sha256(username.encode()).hexdigest()[:24]
        email, password = f"demo-{local_part}@example.org", self._book.password(username)
        try:
            self._strangers.register(username, email, password)
        except ConflictError as error:
            # A new secret fits no account, but for one that an attempt made whose answer was lost.
            may_be_ours = error.tried_before or not self._book.is_new
            return may_be_ours and self._try_to_log_in(name, username)
        return True

    def _try_to_log_in(self, name: str, username: str) -> bool:
        """Return whether the account that has this username is ours, logged in then."""
        try:
            self._clients[name] = self._logged_in(username)
        except LoginFailedError:
            return False
        return True

    def _client(self, name: str) -> MessagingClient:
        client = self._clients.get(name)
        if client is None:
            with self._lock(name):
                client = self._clients.get(name) or self._new_client(name)
                self._clients[name] = client
        return client

    def _new_client(self, name: str) -> MessagingClient:
        """Return a client of the person, who gets another account if the last is gone."""
        try:
            return self._logged_in(self.username(name))
        except LoginFailedError:
            self.register(name)
        return self._logged_in(self.username(name))

    def _logged_in(self, username: str) -> MessagingClient:
        client = self._connect()
        client.login(username, self._book.password(username), remember=True)
        return client

    def _lock(self, name: str) -> threading.Lock:
        return self._locks[hash(name) % len(self._locks)]
