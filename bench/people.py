"""Two people who write to one another as fast as they can."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from bench.stack import Service

_PASSWORD = "a bench is made of wood"


@dataclass(frozen=True, kw_only=True)
class Person:
    """An account and the header that proves it."""

    username: str
    headers: dict[str, str]


@dataclass(kw_only=True)
class Pair:
    """Alice writes, Bob reads."""

    alice: Person
    bob: Person
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    token: str = ""

    def send(self, client: httpx.Client) -> httpx.Response:
        """Send one message."""
        return self._command(client, "messages", self._message(), self.alice.headers)

    def send_with_key(self, client: httpx.Client) -> httpx.Response:
        """Send one message with an idempotency key."""
        headers = {**self.alice.headers, "Idempotency-Key": f"bench-{next(self.numbers)}"}
        return self._command(client, "messages", self._message(), headers)

    def read(self, client: httpx.Client) -> httpx.Response:
        """Read the first message again, which changes nothing."""
        path = f"conversations/{self.alice.username}/read"
        return self._command(client, path, {"up_to": 1}, self.bob.headers)

    def get(self, path: str) -> Callable[[httpx.Client], httpx.Response]:
        """Return a query of Bob's."""
        return lambda client: client.get(path, headers=self.bob.headers)

    def await_everything(self, services: dict[str, Service]) -> None:
        """Return once all that was sent is visible."""
        headers = {**self.bob.headers, "Consistency-Token": self.token, "Prefer": "wait=10"}
        for _ in range(12):
            url = services["query_api"].url + "/query/v1/unread"
            if httpx.get(url, headers=headers, timeout=30).status_code == httpx.codes.OK:
                return
            time.sleep(0.5)
        raise TimeoutError("the last command does not become visible")

    def _command(
        self, client: httpx.Client, path: str, payload: dict[str, object], headers: dict[str, str]
    ) -> httpx.Response:
        response = client.post(f"/command/v1/{path}", json=payload, headers=headers)
        self.token = response.headers.get("Consistency-Token", self.token)
        return response

    def _message(self) -> dict[str, object]:
        return {"to": self.bob.username, "body": f"message {next(self.numbers)} of a benchmark"}


def meet(services: dict[str, Service]) -> Pair:
    """Register and log in two people, and exchange enough for a full page."""
    alice, bob = (_person(services["auth_api"], name) for name in ("alice", "bob"))
    pair = Pair(alice=alice, bob=bob)
    with httpx.Client(base_url=services["command_api"].url) as client:
        for _ in range(60):
            pair.send(client).raise_for_status()
    pair.await_everything(services)
    return pair


def _person(auth: Service, username: str) -> Person:
    account = {"username": username, "password": _PASSWORD}
    with httpx.Client(base_url=auth.url, timeout=30) as client:
        registered = {**account, "email": f"{username}@example.com"}
        client.post("/auth/v1/register", json=registered).raise_for_status()
        token = client.post("/auth/v1/login", json=account).json()["access_token"]
    return Person(username=username, headers={"Authorization": f"Bearer {token}"})
