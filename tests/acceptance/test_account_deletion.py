"""Deleting an account through the whole stack, as the account and as its peers see it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.running_stack import RunningStack, wait_until

pytestmark = pytest.mark.stack
PASSWORD = "correct horse battery"
TABLES = (
    "SELECT schemaname, tablename FROM pg_tables"
    " WHERE schemaname IN ('identity', 'event_log', 'read_model')"
)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is logged in."""

    username: str
    http: httpx.Client

    def send(self, to: Person, body: str) -> httpx.Response:
        sent = self.http.post("/command/v1/messages", json={"to": to.username, "body": body})
        assert sent.status_code == 202, sent.text
        return sent

    def see(self, path: str, after: httpx.Response) -> Any:
        token = {"Consistency-Token": after.headers["Consistency-Token"], "Prefer": "wait=10"}
        return self.http.get(f"/query/v1/{path}", headers=token).json()

    def get(self, path: str) -> Any:
        return self.http.get(f"/query/v1/{path}").json()

    def leave(self, password: str = PASSWORD) -> httpx.Response:
        return self.http.request("DELETE", "/auth/v1/me", json={"password": password})


Register = Callable[[str], Person]


def register_named(stack: RunningStack, username: str) -> httpx.Response:
    body = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
    return httpx.post(f"{stack.url}/auth/v1/register", json=body, timeout=30)


@pytest.fixture
def register(stack: RunningStack) -> Iterator[Register]:
    clients: list[httpx.Client] = []

    def one(name: str) -> Person:
        username = f"{name}-{secrets.token_hex(4)}"
        assert register_named(stack, username).status_code == 201
        http = httpx.Client(base_url=stack.url, timeout=30)
        clients.append(http)
        account = {"username": username, "password": PASSWORD}
        token = http.post("/auth/v1/login", json=account).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        return Person(username=username, http=http)

    yield one
    for http in clients:
        http.close()


def tables_with(stack: RunningStack, words: str) -> list[str]:
    connection = stack.connect("postgres")
    try:
        cursor = connection.cursor()
        cursor.execute(TABLES)
        found = []
        for schema, name in cursor.fetchall():
            cursor.execute(
                f"SELECT 1 FROM {schema}.{name} AS t WHERE position(%s IN t::text) > 0"
                " OR position(%s IN t::text) > 0 LIMIT 1",
                (words, words.encode().hex()),
            )
            if cursor.fetchone():
                found.append(f"{schema}.{name}")
        return found
    finally:
        connection.close()


def test_a_deleted_account_leaves_tombstones_and_its_name(
    stack: RunningStack, register: Register
) -> None:
    secret = f"secret-{secrets.token_hex(16)}"
    gone, peers = register("gone"), [register("peer") for _ in range(3)]
    for peer in peers:
        sent = [gone.send(peer, f"{secret} {number}") for number in range(3)]
        answer = peer.send(gone, "an answer")
        message = sent[0].json()["message_id"]
        edit = gone.http.patch(f"/command/v1/messages/{message}", json={"body": f"{secret} again"})
        assert len(peer.see(f"conversations/{gone.username}/messages", edit)["items"]) == 4
    assert set(tables_with(stack, secret)) == {"event_log.event", "read_model.message"}

    assert gone.leave("wrong").status_code == 403
    deletion = gone.leave()
    assert deletion.status_code == 202
    assert deletion.json()["status"] == "accepted"
    assert gone.leave().status_code == 401

    wait_until(lambda: tables_with(stack, secret) == [], 20)
    for peer in peers:
        [conversation] = peer.get("conversations")["items"]
        assert conversation["with"] is None
        assert (conversation["unread_count"], conversation["last_position"]) == (0, 4)
        assert conversation["last_message"]["body"] == "an answer"
        assert conversation["last_message"]["to"] is None
        assert peer.get("unread")["total"] == 0
        unknown = peer.http.get(f"/query/v1/conversations/{gone.username}/messages")
        assert unknown.status_code == 404
    shown = peers[-1].http.get(f"/query/v1/messages/{message}")
    assert shown.status_code == 404
    tombstone = peers[-1].get(f"messages/{message}?include=deleted")
    assert (tombstone["from"], tombstone["body"], tombstone["position"]) == (None, None, 1)
    assert tombstone["deleted_at"] == deletion.json()["accepted_at"]
    assert answer.status_code == 202

    wait_until(lambda: register_named(stack, gone.username).status_code == 201, 20)
    wait_until(lambda: tables_with(stack, gone.username) == ["identity.account"], 5)
    # The new holder of the name is another person.
    again = peers[0].get(f"conversations/{gone.username}/messages")
    assert again["items"] == []


def test_every_service_refuses_a_deleted_accounts_token_within_five_seconds(
    register: Register,
) -> None:
    gone, peer = register("gone"), register("peer")
    gone.see("conversations", gone.send(peer, "hello"))
    started = time.monotonic()
    assert gone.leave().status_code == 202
    for method, path in (
        ("GET", "/auth/v1/me"),
        ("GET", "/query/v1/conversations"),
        ("DELETE", f"/command/v1/messages/{'0' * 8}-0000-7000-8000-{'0' * 12}"),
    ):
        wait_until(
            lambda method=method, path=path: gone.http.request(method, path).status_code == 401,  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            6,
        )
    assert time.monotonic() - started < 6
    login = {"username": gone.username, "password": PASSWORD}
    assert gone.http.post("/auth/v1/login", json=login).status_code == 401


def test_a_message_to_a_deleted_account_is_refused_or_rejected(register: Register) -> None:
    gone, peer, stranger = register("gone"), register("peer"), register("stranger")
    first = peer.send(gone, "are you there?")
    peer.see("conversations", first)
    assert gone.leave().status_code == 202

    def fate() -> tuple[str, str | None] | None:
        body = {"to": gone.username, "body": "hello?"}
        answer = peer.http.post("/command/v1/messages", json=body)
        if answer.status_code == 404:  # The name is not in this process's memory.
            assert answer.json()["type"] == "/problems/recipient-unknown"
            return None
        told = peer.http.get(answer.headers["Location"], headers={"Prefer": "wait=10"}).json()
        return told["status"], told.get("reason")

    # A command API may remember the name for a minute; the erasure is applied within seconds.
    wait_until(lambda: fate() in (None, ("rejected", "recipient-deleted")), 10)
    unknown = {"to": f"{stranger.username}-x", "body": "?"}
    assert stranger.http.post("/command/v1/messages", json=unknown).status_code == 404
