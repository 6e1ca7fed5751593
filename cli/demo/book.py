"""Remembers whom earlier demos registered, and the secret from which their passwords are made."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cli.demo.errors import DemoError
from local_stack import files


class Book:
    """The people of one service: a secret and a list, in files that only their owner can read."""

    def __init__(self, folder: Path) -> None:
        """Open the book in `folder`, made where missing; use it within `kept` alone."""
        files.folder(folder)
        self._people = folder / "people.jsonl"
        self._lock = threading.Lock()
        secret = folder / "secret"
        self.is_new = not secret.exists()
        if self.is_new:
            files.write(secret, secrets.token_hex(32))
            self._people.unlink(missing_ok=True)
        self._people.touch(mode=0o600)
        self._secret = secret.read_bytes()
        self._usernames = dict(self._remembered())

    def username(self, name: str) -> str | None:
        """Return the username of the account that stands for `name`; None before there is one."""
        return self._usernames.get(name)

    def add(self, name: str, username: str) -> None:
        """Remember the account of `name` from now on."""
        # Whoever wrote the line before may have been killed halfway: begin a new one.
        line = "\n" + json.dumps([name, username])
        with self._lock, self._people.open("a", encoding="utf-8") as people:
            people.write(line)
            self._usernames[name] = username

    def password(self, username: str) -> str:
        """Return the password of `username`: always the same, and nobody's but this book's."""
        digest = hmac.digest(self._secret, username.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")

    def _remembered(self) -> Iterator[tuple[str, str]]:
        for line in self._people.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                name, username = json.loads(line)
                yield name, username


@contextmanager
def kept(folder: Path) -> Iterator[Book]:
    """Open the book in `folder` for one demo at a time.

    Raises:
        DemoError: Another demo uses it.
    """
    files.folder(folder)
    path = folder / "lock"
    path.touch(mode=0o600)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError("Another demo is running against this service: wait for it.") from None
        yield Book(folder)
