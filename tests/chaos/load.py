"""Senders that never give up: each message is repeated with its key until it is acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.running_stack import RunningStack

_PASSWORD = "correct horse battery"
# What a fault may cost a sender at most.
_PATIENCE_S = 90


@dataclass(kw_only=True)
class Sender:
    """One person who sends numbered messages to the next, and what was acknowledged of them."""

    username: str
    to: str
    acknowledged: list[str] = field(default_factory=list)
    refusals: int = 0
    failure: str | None = None


class Load:
    """People in a ring, each writing to the next until stopped."""

    def __init__(self, stack: RunningStack, people: int = 4) -> None:
        self._url = stack.url
        names = [f"p{uuid4().hex[:10]}" for _ in range(people)]
        self.senders = [
            Sender(username=name, to=names[(index + 1) % people])
            for index, name in enumerate(names)
        ]
        self._stop = threading.Event()
        with httpx.Client(base_url=self._url, timeout=30) as client:
            for name in names:
                account = {"username": name, "email": f"{name}@example.com", "password": _PASSWORD}
                client.post("/auth/v1/register", json=account).raise_for_status()

    @property
    def acknowledged(self) -> int:
        """How many messages were acknowledged so far."""
        return sum(len(sender.acknowledged) for sender in self.senders)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send until the block ends."""
        threads = [threading.Thread(target=self._send, args=(sender,)) for sender in self.senders]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def await_progress(self) -> None:
        """Return once every sender got another acknowledgement."""
        before = [len(sender.acknowledged) for sender in self.senders]
        deadline = time.monotonic() + _PATIENCE_S
        while any(
            len(sender.acknowledged) <= count and sender.failure is None
            for sender, count in zip(self.senders, before, strict=True)
        ):
            assert time.monotonic() < deadline, "a sender makes no progress"
            time.sleep(0.05)

    def check(self) -> None:
        """Assert that what was acknowledged is there once, in order, at gapless positions."""
        for sender in self.senders:
            assert sender.failure is None, sender.failure
            shown = self._conversation(sender)
            assert [message["position"] for message in shown] == list(range(1, len(shown) + 1))
            from_sender = [m["body"] for m in shown if m["from"] == sender.username]
            assert from_sender == sender.acknowledged

    def _send(self, sender: Sender) -> None:
        try:
            with httpx.Client(base_url=self._url, timeout=20) as client:
                headers = self.log_in(client, sender.username)
                while not self._stop.is_set():
                    number = str(len(sender.acknowledged) + 1)
                    self._send_one(client, sender, number, headers)
                    sender.acknowledged.append(number)
        except Exception as error:  # noqa: BLE001  # told by the test's own thread
            sender.failure = f"{sender.username}: {error!r}"

    def _send_one(
        self, client: httpx.Client, sender: Sender, number: str, headers: dict[str, str]
    ) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        keyed = {**headers, "Idempotency-Key": f"{sender.username}-{number}"}
        answer = "nothing"
        while time.monotonic() < deadline:
            try:
                payload = {"to": sender.to, "body": number}
                response = client.post("/command/v1/messages", json=payload, headers=keyed)
            except httpx.TransportError as error:
                answer = repr(error)
            else:
                if response.status_code == httpx.codes.ACCEPTED:
                    return
                answer = response.text
                if response.status_code == httpx.codes.UNAUTHORIZED:
                    keyed |= self.log_in(client, sender.username)
                else:
                    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer
                    assert "Retry-After" in response.headers
            sender.refusals += 1
            time.sleep(0.1)
        raise TimeoutError(f"message {number} was not taken: {answer}")

    def log_in(self, client: httpx.Client, username: str) -> dict[str, str]:
        """Return the header of a new session, however long that takes."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                account = {"username": username, "password": _PASSWORD}
                response = client.post("/auth/v1/login", json=account).raise_for_status()
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return {"Authorization": f"Bearer {response.json()['access_token']}"}

    def _conversation(self, sender: Sender) -> list[dict[str, object]]:
        """Return all that the recipient sees, once as much is visible as was acknowledged."""
        deadline = time.monotonic() + _PATIENCE_S
        with httpx.Client(base_url=self._url, timeout=30) as client:
            headers = self.log_in(client, sender.to)
            while True:
                shown: list[dict[str, object]] = []
                link = f"/query/v1/conversations/{sender.username}/messages?limit=200&after=0"
                while link:
                    page = client.get(link, headers=headers)
                    if page.status_code != httpx.codes.OK:
                        break
                    shown += page.json()["items"]
                    link = page.json()["next"]
                # Two who write to each other share a conversation.
                sent = sum(message["from"] == sender.username for message in shown)
                enough = sent >= len(sender.acknowledged)
                if (enough and not link) or time.monotonic() > deadline:
                    return shown
                time.sleep(0.2)
