"""People who ask again and again, one after the other, and note whatever they are refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.running_stack import RunningStack, wait_until

_PASSWORD = "correct horse battery"
_PAUSE_S = 0.05
_PATIENCE_S = 90


@dataclass(kw_only=True)
class Visitor:
    """One who asks the same kind of question; `longest` is the longest time without an answer."""

    kind: str
    ask: Callable[[httpx.Client], httpx.Response]
    answered: int = 0
    longest: float = 0.0
    refusals: list[str] = field(default_factory=list)

    def visit(self, url: str, stop: threading.Event) -> None:
        """Ask until told to stop."""
        last = time.monotonic()
        with httpx.Client(base_url=url, timeout=30) as client:
            while not stop.wait(_PAUSE_S):
                try:
                    answer = self.ask(client)
                except httpx.HTTPError as error:
                    self.refusals.append(repr(error))
                    continue
                if not answer.is_success:
                    self.refusals.append(f"{answer.status_code} {answer.text}")
                    continue
                now = time.monotonic()
                self.longest = max(self.longest, now - last)
                self.answered += 1
                last = now


class Visitors:
    """Three who send, read and log in."""

    def __init__(self, stack: RunningStack) -> None:
        self._url = stack.url
        self._stop = threading.Event()
        names = [f"v{uuid4().hex[:10]}" for _ in range(2)]
        with httpx.Client(base_url=self._url, timeout=30) as client:
            for name in names:
                account = {"username": name, "email": f"{name}@example.com", "password": _PASSWORD}
                client.post("/auth/v1/register", json=account).raise_for_status()
            login = {"username": names[0], "password": _PASSWORD}
            token = client.post("/auth/v1/login", json=login).raise_for_status().json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        message = {"to": names[1], "body": "still there?"}
        self.visitors = [
            Visitor(
                kind="commands",
                ask=lambda client: client.post(
                    "/command/v1/messages", json=message, headers=headers
                ),
            ),
            Visitor(
                kind="queries",
                ask=lambda client: client.get("/query/v1/conversations", headers=headers),
            ),
            Visitor(kind="logins", ask=lambda client: client.post("/auth/v1/login", json=login)),
        ]

    @property
    def refusals(self) -> list[str]:
        """Whatever was refused, of whatever kind."""
        return [f"{v.kind}: {refusal}" for v in self.visitors for refusal in v.refusals]

    @property
    def longest(self) -> dict[str, float]:
        """The longest time without an answer by kind, in seconds."""
        return {visitor.kind: visitor.longest for visitor in self.visitors}

    def await_answers(self) -> None:
        """Return once each got another answer."""
        before = [visitor.answered for visitor in self.visitors]

        def answered() -> bool:
            pairs = zip(self.visitors, before, strict=True)
            return all(visitor.answered > count for visitor, count in pairs)

        wait_until(answered, _PATIENCE_S)

    @contextmanager
    def visiting(self) -> Iterator[None]:
        """Ask until the block ends."""
        threads = [
            threading.Thread(target=visitor.visit, args=(self._url, self._stop))
            for visitor in self.visitors
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
