"""People in a ring who write to one another by batches, and what is shown of that."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.running_stack import RunningStack

_PASSWORD = "correct horse battery"
_BATCH = 500
_PATIENCE_S = 90
# Access tokens live 300 s.
_TOKEN_S = 200


class Chat:
    """Some people; each writes numbered messages to the next."""

    def __init__(self, http: httpx.Client, names: list[str]) -> None:
        self._http = http
        self.names = names
        self._headers: dict[str, dict[str, str]] = {}
        self._since = dict.fromkeys(names, 0.0)
        self.log_in_again()
        self._sent = dict.fromkeys(names, 0)

    def send(self, count: int) -> None:
        """Have each person send `count` messages more, all acknowledged."""
        for name, to in zip(self.names, self.names[1:] + self.names[:1], strict=True):
            first = self._sent[name] + 1
            for start in range(first, first + count, _BATCH):
                numbers = range(start, min(start + _BATCH, first + count))
                self._batch(name, [{"to": to, "body": str(number)} for number in numbers])
            self._sent[name] += count

    def is_complete(self) -> bool:
        """Return whether each message is shown exactly once, in order, at gapless positions."""
        return all(self._shown(name) for name in self.names)

    def await_complete(self) -> None:
        """Return once all is shown; fail at once where anything is shown in another order."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self.is_complete():
            assert time.monotonic() < deadline, "not all of it is shown"
            time.sleep(0.3)

    def elsewhere(self, url: str) -> bool:
        """Return whether all is shown by another stack, at `url`, that these people log in to."""
        with httpx.Client(base_url=url, timeout=30) as http:
            there = Chat(http, self.names)
            there._sent = self._sent
            there.await_complete()
        return True

    def headers(self, name: str) -> dict[str, str]:
        """Return what a request of `name` carries; logs in anew before the access token ends."""
        if time.monotonic() - self._since[name] > _TOKEN_S:
            self._headers[name] = self._log_in(name)
        return self._headers[name]

    def log_in_again(self) -> None:
        """Take new access tokens."""
        self._headers = {name: self._log_in(name) for name in self.names}

    def _shown(self, name: str) -> bool:
        """Return whether all that `name` sent is there for its recipient to read."""
        to = self.names[(self.names.index(name) + 1) % len(self.names)]
        items: list[dict[str, Any]] = []
        link: str | None = f"/query/v1/conversations/{name}/messages?limit=200&after=0"
        while link:
            page = self._http.get(link, headers=self.headers(to))
            if page.status_code != httpx.codes.OK:
                assert page.status_code == httpx.codes.SERVICE_UNAVAILABLE, page.text
                return False
            items += page.json()["items"]
            link = page.json()["next"]
        assert [item["position"] for item in items] == list(range(1, len(items) + 1))
        bodies = [int(item["body"]) for item in items if item["from"] == name]
        assert bodies == list(range(1, len(bodies) + 1))
        assert len(bodies) <= self._sent[name]
        return len(bodies) == self._sent[name]

    def _batch(self, name: str, messages: list[dict[str, str]]) -> None:
        commands = [{"type": "send_message", **message} for message in messages]
        answer = self._http.post(
            "/command/v1/batch", json={"commands": commands}, headers=self.headers(name)
        )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        assert {result["status"] for result in answer.json()["results"]} == {"accepted"}

    def _log_in(self, name: str) -> dict[str, str]:
        account = {"username": name, "password": _PASSWORD}
        answer = self._http.post("/auth/v1/login", json=account).raise_for_status()
        self._since[name] = time.monotonic()
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@contextmanager
def chat(stack: RunningStack, people: int = 4) -> Iterator[Chat]:
    """Give that many people with accounts of their own."""
    names = [f"c{secrets.token_hex(5)}" for _ in range(people)]
    with httpx.Client(base_url=stack.url, timeout=30) as http:
        for name in names:
            account = {"username": name, "email": f"{name}@example.com", "password": _PASSWORD}
            http.post("/auth/v1/register", json=account).raise_for_status()
        yield Chat(http, names)
