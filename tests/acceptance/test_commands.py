"""Commands through NGINX, and what the read side shows of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack
EVENTUALLY = {"Prefer": "wait=10"}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is logged in."""

    username: str
    http: httpx.Client

    def send(self, to: Person, body: str, **headers: str) -> httpx.Response:
        return self.http.post(
            "/command/v1/messages", json={"to": to.username, "body": body}, headers=headers
        )

    def see(self, path: str, after: httpx.Response) -> Any:
        """Return what a query shows once the effect of a command must be visible."""
        headers = EVENTUALLY | {"Consistency-Token": after.headers["Consistency-Token"]}
        answer = self.http.get(f"/query/v1/{path}", headers=headers)
        assert answer.status_code in {200, 404}, answer.text
        return answer.json()

    def messages(self, peer: Person, after: httpx.Response) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.see(
            f"conversations/{peer.username}/messages?limit=200", after
        )["items"]
        return items

    def fate(self, of: httpx.Response) -> tuple[str, str | None]:
        """Return status and reason of a command's event, once it has been dealt with."""
        answer = self.http.get(of.headers["Location"], headers=EVENTUALLY)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        return told["status"], told.get("reason")


Register = Callable[[str], Person]


@pytest.fixture
def register(stack: RunningStack) -> Iterator[Register]:
    clients: list[httpx.Client] = []

    def one(name: str) -> Person:
        username = f"{name}-{secrets.token_hex(4)}"
        http = httpx.Client(base_url=stack.url, timeout=30)
        clients.append(http)
        account = {
            "username": username,
            "email": f"{username}@example.org",
            "password": secrets.token_urlsafe(16),
        }
        assert http.post("/auth/v1/register", json=account).status_code == 201
        del account["email"]
        token = http.post("/auth/v1/login", json=account).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        return Person(username=username, http=http)

    yield one
    for http in clients:
        http.close()


@pytest.fixture
def alice(register: Register) -> Person:
    return register("alice")


@pytest.fixture
def bob(register: Register) -> Person:
    return register("bob")


def test_a_message_to_somebody_just_registered_arrives(alice: Person, register: Register) -> None:
    newcomer = register("newcomer")
    answer = alice.send(newcomer, "Welcome", **{"X-Request-ID": "welcome-1"})
    assert answer.status_code == 202
    assert answer.headers["X-Request-ID"] == "welcome-1"
    assert answer.headers["Cache-Control"] == "no-store"
    (message,) = newcomer.messages(alice, answer)
    assert message["id"] == answer.json()["message_id"]
    assert (message["from"], message["body"]) == (alice.username, "Welcome")
    assert message["sent_at"] == answer.json()["accepted_at"]
    assert alice.fate(answer) == ("applied", None)


def test_a_message_deleted_for_me_is_gone_for_me_alone(alice: Person, bob: Person) -> None:
    sent = alice.send(bob, "Hidden from bob")
    gone = bob.http.delete(f"/command/v1/messages/{sent.json()['message_id']}?for=me")
    assert gone.status_code == 202
    assert bob.messages(alice, gone) == []
    assert len(alice.messages(bob, gone)) == 1


def test_a_message_deleted_for_everyone_is_gone_for_both(alice: Person, bob: Person) -> None:
    sent = alice.send(bob, "Gone")
    gone = alice.http.delete(f"/command/v1/messages/{sent.json()['message_id']}")
    assert gone.status_code == 202
    assert bob.messages(alice, gone) == []
    assert alice.messages(bob, gone) == []


def test_only_its_sender_deletes_for_everyone_or_edits(
    alice: Person, bob: Person, register: Register
) -> None:
    stranger = register("stranger")
    sent = alice.send(bob, "Mine")
    path = f"/command/v1/messages/{sent.json()['message_id']}"
    for person in (bob, stranger):
        edit = person.http.patch(path, json={"body": "Not mine"})
        assert edit.status_code == 202
        assert person.fate(edit) == ("rejected", "message-not-found")
    deleted = stranger.http.delete(f"{path}?for=me")
    assert stranger.fate(deleted) == ("rejected", "message-not-found")
    edit = alice.http.patch(path, json={"body": "Mine, better", "subject": "Edited"})
    assert alice.fate(edit) == ("applied", None)
    (message,) = bob.messages(alice, edit)
    assert (message["body"], message["subject"]) == ("Mine, better", "Edited")
    assert message["edited_at"] == edit.json()["accepted_at"]


def test_reading_leaves_nothing_unread_and_never_goes_back(alice: Person, bob: Person) -> None:
    for number in range(3):
        sent = alice.send(bob, f"Message {number}")
    path = f"/command/v1/conversations/{alice.username}/read"
    assert bob.see("unread", sent)["total"] == 3
    read = bob.http.post(path, json={"up_to": 2})
    assert "message_id" not in read.json()
    assert bob.see("unread", read)["total"] == 1
    beyond = bob.http.post(path, json={"up_to": 1_000_000})
    assert bob.see("unread", beyond)["total"] == 0
    back = bob.http.post(path, json={"up_to": 1})
    assert bob.see("unread", back)["total"] == 0


def test_a_batch_of_500_arrives_in_order_and_its_tokens_cover_all(
    alice: Person, bob: Person, register: Register
) -> None:
    carol = register("carol")
    commands = [
        {
            "type": "send_message",
            "to": (bob if number % 2 else carol).username,
            "body": f"{number} " + "x" * 1_500,
        }
        for number in range(499)
    ]
    answer = alice.http.post(
        "/command/v1/batch", json={"commands": [*commands, {"type": "send_message"}]}
    )
    assert answer.status_code == 202, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["accepted"] * 499 + [422]
    for peer, rest in ((bob, 1), (carol, 0)):
        shown = alice.messages(peer, answer)
        assert [int(message["body"].split()[0]) for message in shown] == [
            number for number in range(499) if number % 2 == rest
        ][-200:]
        assert [message["position"] for message in shown] == list(
            range(shown[0]["position"], shown[0]["position"] + 200)
        )


def test_who_waits_is_answered_with_the_message_once_it_is_applied(
    register: Register,
) -> None:
    alice, bob = register("alice"), register("bob")
    sent = alice.send(bob, "Hello", Prefer="wait=10", **{"Idempotency-Key": "k"})
    assert sent.status_code == 201, sent.text
    assert sent.headers["Preference-Applied"] == "wait=10"
    assert sent.json() == alice.http.get(sent.headers["Location"]).json()
    again = alice.send(bob, "Hello", Prefer="wait=10", **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"]) == (201, sent.json()["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(alice.messages(bob, after=sent)) == 1
    path = f"/command/v1/messages/{sent.json()['id']}"
    edited = alice.http.patch(path, json={"body": "Hi"}, headers={"Prefer": "wait=10"})
    assert (edited.status_code, edited.json()["body"]) == (200, "Hi")
