"""People who use a running stack, each logged in: by the Python client, and by bare HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from messaging_client import Message, MessageReceipt, MessagingClient, Receipt
from tests.running_stack import RunningStack

WAIT = {"Prefer": "wait=10"}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with an account, and a session that `client` and `http` share."""

    username: str
    email: str
    password: str
    client: MessagingClient
    http: httpx.Client

    def write(self, to: Person, body: str) -> MessageReceipt:
        """Send a message by the client, whose next queries show it."""
        return self.client.send_message(to.username, body)

    def messages(self, peer: Person, *, token: str | None = None) -> list[Message]:
        """Return all messages with `peer`, the oldest first."""
        return list(self.client.messages(peer.username, after=0, limit=200, token=token))

    def outcome(self, receipt: Receipt) -> tuple[str, str | None]:
        """Return status and reason of a command's event, once it has been dealt with."""
        assert receipt.event_id is not None
        told = self.client.event(receipt.event_id, token=receipt.consistency_token, wait=10)
        return told.status, told.reason

    def get(self, path: str, *, token: str | None = None, **headers: str) -> httpx.Response:
        """Ask by bare HTTP; with `token`, the answer shows the effect of its command."""
        fresh = {**WAIT, "Consistency-Token": token} if token else {}
        address = path if path.startswith("/") else f"/query/v1/{path}"
        return self.http.get(address, headers={**fresh, **headers})

    def post(self, to: Person, body: str, **headers: str) -> httpx.Response:
        """Send a message by bare HTTP, whatever the answer."""
        message = {"to": to.username, "body": body}
        return self.http.post("/command/v1/messages", json=message, headers=headers)

    @property
    def access_token(self) -> str:
        """The access token of the client's session."""
        return self.http.headers["Authorization"].removeprefix("Bearer ")

    def command(
        self, method: str, path: str, json: object = None, **headers: str
    ) -> httpx.Response:
        """Give a command that must be accepted."""
        answer = self.http.request(method, f"/command/v1/{path}", json=json, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer

    def send(self, to: Person, body: str, **headers: str) -> httpx.Response:
        """Send a message that must be accepted."""
        message = {"to": to.username, "body": body}
        return self.command("POST", "messages", message, **headers)

    def see(self, path: str, *after: httpx.Response) -> Any:
        """Return what a query shows once it must show the effect of the commands `after`."""
        address = path if path.startswith("/") else f"/query/v1/{path}"
        answer = self.http.get(address, headers=effect_of(*after))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, *after: httpx.Response) -> list[dict[str, Any]]:
        """Return the items of a whole list, from its page `path` on."""
        items: list[dict[str, Any]] = []
        link: str | None = path
        while link:
            page = self.see(link, *after)
            items += page["items"]
            link = page["next"]
        return items

    def fate(self, of: httpx.Response) -> tuple[str, str | None]:
        """Return status and reason of a command's event, once it has been dealt with."""
        told = self.http.get(of.headers["Location"], headers=WAIT).json()
        return told["status"], told.get("reason")


Register = Callable[[str], Person]


def effect_of(*commands: httpx.Response) -> dict[str, str]:
    """Return the headers that make a query show the effect of these commands."""
    if not commands:
        return {}
    tokens = ",".join(command.headers["Consistency-Token"] for command in commands)
    return {**WAIT, "Consistency-Token": tokens}


@contextmanager
def registering(stack: RunningStack) -> Iterator[Register]:
    """Give a function that makes somebody of a name like the given; log all of them out at last."""
    clients: list[httpx.Client] = []

    def one(name: str) -> Person:
        http = httpx.Client(base_url=stack.url, timeout=30)
        clients.append(http)
        username = f"{name}-{secrets.token_hex(4)}"
        email, password = f"{username}@example.org", secrets.token_urlsafe(16)
        client = MessagingClient(stack.url, http=http)
        client.register(username, email, password)
        client.login(username, password)
        http.headers["Authorization"] = f"Bearer {client.access_token()}"
        return Person(username=username, email=email, password=password, client=client, http=http)

    yield one
    for http in clients:
        http.close()


def log_in(http: httpx.Client, account: dict[str, str]) -> None:
    """Let `http` send the access token of a new session."""
    answer = http.post("/auth/v1/login", json=account)
    assert answer.status_code == 200, answer.text
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
