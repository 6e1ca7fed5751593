"""People who are logged in: each with the Python client, and with bare HTTP for its details."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from messaging_client import Message, MessageReceipt, MessagingClient, Receipt

Register = Callable[[str], "Person"]


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is logged in; `http` carries the access token of the same session."""

    username: str
    password: str
    client: MessagingClient
    http: httpx.Client

    def post(self, to: Person, body: str, **headers: str) -> httpx.Response:
        """Send a message by bare HTTP."""
        message = {"to": to.username, "body": body}
        return self.http.post("/command/v1/messages", json=message, headers=headers)

    def send(self, to: Person, body: str) -> MessageReceipt:
        return self.client.send_message(to.username, body)

    def get(self, path: str, *, token: str | None = None, **headers: str) -> httpx.Response:
        """Ask by bare HTTP; with `token`, the answer shows the effect of its command."""
        fresh = {"Consistency-Token": token, "Prefer": "wait=10"} if token else {}
        address = path if path.startswith("/") else f"/query/v1/{path}"
        return self.http.get(address, headers={**fresh, **headers})

    def see(self, path: str, *, token: str | None = None) -> Any:
        answer = self.get(path, token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def messages(self, peer: Person, *, token: str | None = None) -> list[Message]:
        """Return all messages with `peer`, the oldest first."""
        return list(self.client.messages(peer.username, after=0, limit=200, token=token))

    def fate(self, receipt: Receipt) -> tuple[str, str | None]:
        """Return status and reason of a command's event, once it has been dealt with."""
        assert receipt.event_id is not None
        told = self.client.event(receipt.event_id, token=receipt.consistency_token, wait=10)
        return told.status, told.reason


@contextmanager
def registering(url: str) -> Iterator[Register]:
    """Give what registers a new person, whose name begins as told, and logs them in."""
    with ExitStack() as opened:

        def register(name: str) -> Person:
            username, password = f"{name}-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
            client = opened.enter_context(MessagingClient(url))
            client.register(username, f"{username}@example.org", password)
            client.login(username, password)
            headers = {"Authorization": f"Bearer {client.access_token()}"}
            http = opened.enter_context(httpx.Client(base_url=url, timeout=30, headers=headers))
            return Person(username=username, password=password, client=client, http=http)

        yield register
