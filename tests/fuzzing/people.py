"""Accounts for schemathesis: one that goes on, one that answers it, others to be thrown away."""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import dataclass, field

import httpx

PASSWORD = "correct horse battery"
# The name in the examples of the documents.
PEER = "bob"
_REFRESH_AFTER_S = 200.0


@dataclass(kw_only=True)
class Person:
    """An account in a session of its own, with the access token of the moment."""

    name: str
    password: str
    token: str
    refresh_cookie: str
    csrf_token: str
    since: float = field(default_factory=time.monotonic)


class People:
    """Registers accounts and logs them in at the stack that a client is for."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._numbers = itertools.count()
        self._run = secrets.token_hex(4)
        self._register(PEER)
        self.me = self.new()

    def new(self) -> Person:
        """Return a new account in its first session."""
        name = f"fuzz-{self._run}-{next(self._numbers)}"
        self._register(name)
        return self.login(name)

    def login(self, name: str) -> Person:
        """Return another session of an account."""
        answer = self._client.post(
            "/auth/v1/login", json={"username": name, "password": PASSWORD}
        ).raise_for_status()
        self._client.cookies.clear()
        return Person(
            name=name,
            password=PASSWORD,
            token=answer.json()["access_token"],
            refresh_cookie=answer.cookies["refresh_token_cookie"],
            csrf_token=answer.cookies["csrf_refresh_token"],
        )

    def current(self) -> Person:
        """Return the account that goes on, its token refreshed before it expires."""
        if time.monotonic() - self.me.since > _REFRESH_AFTER_S:
            answer = self._client.post(
                "/auth/v1/token",
                headers={"X-CSRF-TOKEN": self.me.csrf_token},
                cookies={"refresh_token_cookie": self.me.refresh_cookie},
            ).raise_for_status()
            self._client.cookies.clear()
            self.me.token = answer.json()["access_token"]
            self.me.refresh_cookie = answer.cookies["refresh_token_cookie"]
            self.me.csrf_token = answer.cookies["csrf_refresh_token"]
            self.me.since = time.monotonic()
        return self.me

    def _register(self, name: str) -> None:
        account = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        answer = self._client.post("/auth/v1/register", json=account)
        # The peer may be there from another run.
        assert answer.status_code in {201, 409}, answer.text
