"""The event stream through the whole stack: commands in, events out, to both parties alone."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.event_streams import Follower, Listening
from tests.running_stack import RunningStack, wait_until

pytestmark = pytest.mark.stack
PASSWORD = "correct horse battery"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is logged in."""

    username: str
    http: httpx.Client

    def command(self, method: str, path: str, json: object = None) -> dict[str, str]:
        """Give a command; return what it was answered."""
        answer = self.http.request(method, f"/command/v1/{path}", json=json)
        assert answer.status_code == 202, answer.text
        accepted: dict[str, str] = answer.json()
        return accepted

    def send(self, to: Person, body: str) -> str:
        """Send a message; return its id."""
        return self.command("POST", "messages", {"to": to.username, "body": body})["message_id"]

    def log_in(self, http: httpx.Client) -> dict[str, str]:
        account = {"username": self.username, "password": PASSWORD}
        token = http.post("/auth/v1/login", json=account).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}


Register = Callable[[str], Person]
Listen = Callable[..., Listening]


@pytest.fixture
def register(stack: RunningStack) -> Iterator[Register]:
    with ExitStack() as clients:

        def one(name: str) -> Person:
            username = f"{name}-{secrets.token_hex(4)}"
            http = clients.enter_context(httpx.Client(base_url=stack.url, timeout=30))
            account = {"username": username, "password": PASSWORD}
            email = f"{username}@example.org"
            registered = http.post("/auth/v1/register", json={**account, "email": email})
            assert registered.status_code == 201
            person = Person(username=username, http=http)
            http.headers.update(person.log_in(http))
            return person

        yield one


@pytest.fixture
def listen() -> Iterator[Listen]:
    with ExitStack() as streams:

        def one(who: Person, last_event_id: str | None = None) -> Listening:
            listening = Listening(who.http, last_event_id)
            streams.callback(listening.close)
            return listening

        yield one


def test_both_parties_are_told_all_four_kinds_and_nobody_else_is(
    register: Register, listen: Listen
) -> None:
    alice, bob, eve = register("alice"), register("bob"), register("eve")
    streams = {who.username: listen(who) for who in (alice, bob, eve)}
    message = alice.send(bob, "one")
    alice.command("PATCH", f"messages/{message}", {"body": "two", "subject": "greeting"})
    bob.command("POST", f"conversations/{alice.username}/read", {"up_to": 1})
    alice.command("DELETE", f"messages/{message}")
    for me, peer in ((alice, bob), (bob, alice)):
        told = streams[me.username].wait_for(4)
        assert [one.kind for one in told] == [
            *("message.sent", "message.edited", "conversation.read", "message.deleted")
        ]
        edited, read, deleted = (one.data for one in told[1:])
        assert (edited["id"], edited["from"], edited["to"]) == (
            *(message, alice.username, bob.username),
        )
        assert read == {
            "conversation_id": edited["conversation_id"],
            "with": peer.username,
            "reader": bob.username,
            "read_position": 1,
        }
        assert (deleted["id"], deleted["body"], deleted["subject"]) == (message, None, None)
        assert deleted["deleted_at"] is not None
    alice.send(eve, "to eve")
    assert [one.what for one in streams[eve.username].wait_for(1)] == [("message.sent", "to eve")]


def test_a_message_deleted_for_me_is_told_to_me_alone(register: Register, listen: Listen) -> None:
    alice, bob = register("alice"), register("bob")
    hers, his = listen(alice), listen(bob)
    message = alice.send(bob, "one")
    his.wait_for(1)
    bob.command("DELETE", f"messages/{message}?for=me")
    alice.send(bob, "two")
    assert [one.what for one in hers.wait_for(2)] == [
        ("message.sent", "one"),
        ("message.sent", "two"),
    ]
    told = his.wait_for(3)
    assert [one.kind for one in told] == ["message.sent", "message.deleted", "message.sent"]
    assert (told[1].data["id"], told[1].data["body"]) == (message, None)
    assert told[1].data["deleted_at"] is None


def test_a_client_that_comes_and_goes_misses_nothing_and_gets_nothing_twice(
    stack: RunningStack, register: Register
) -> None:
    reader, writers = register("reader"), [register(f"writer{n}") for n in range(4)]
    follower = Follower(stack.url, reader.log_in)
    each = 60

    def write(writer: Person) -> None:
        for number in range(each):
            writer.send(reader, f"{writer.username} {number}")

    threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    chance = random.Random(7)
    while any(thread.is_alive() for thread in threads):
        time.sleep(chance.uniform(0.01, 0.2))
        follower.cut_off()
    try:
        wait_until(lambda: len(follower.told) >= each * len(writers), 60)
        assert follower.streams > 3
        # One that came twice would come before what is sent last.
        writers[0].send(reader, "the end")
        wait_until(lambda: follower.told[-1].data["body"] == "the end")
    finally:
        follower.stop()
    assert len(follower.told) == each * len(writers) + 1
    for writer in writers:
        mine = [one.data for one in follower.told if one.data["from"] == writer.username]
        assert [one["position"] for one in mine] == list(range(1, len(mine) + 1))
        bodies = [f"{writer.username} {number}" for number in range(each)]
        assert [one["body"] for one in mine][:each] == bodies


def test_a_stream_ends_within_five_seconds_of_its_session(
    register: Register, listen: Listen
) -> None:
    alice, bob = register("alice"), register("bob")
    hers, his = listen(alice), listen(bob)
    csrf = {"X-CSRF-TOKEN": alice.http.cookies["csrf_refresh_token"]}
    assert alice.http.post("/auth/v1/logout", headers=csrf).status_code == 204
    assert hers.ended.wait(5)
    bob.send(bob_friend := register("friend"), "still here")
    assert his.wait_for(1)[0].data["to"] == bob_friend.username
    alice.http.headers.update(alice.log_in(alice.http))
    resumed = listen(alice, hers.last_id)
    bob.send(alice, "welcome back")
    assert resumed.wait_for(1)[0].what == ("message.sent", "welcome back")


def test_a_deleted_account_is_told_as_tombstones(register: Register, listen: Listen) -> None:
    gone, peer = register("gone"), register("peer")
    ids = [gone.send(peer, f"secret {number}") for number in range(3)]
    # Else a slow stack would tell her of their being sent as well.
    wait_until(lambda: peer.http.get("/query/v1/unread").json()["total"] == 3)
    hers = listen(gone)
    theirs = listen(peer)
    body = {"password": PASSWORD}
    assert gone.http.request("DELETE", "/auth/v1/me", json=body).status_code == 202
    assert hers.ended.wait(5)
    told = [one for one in theirs.wait_for(3) if one.kind == "message.deleted"]
    assert [one.data["id"] for one in told] == ids
    assert {(one.data["body"], one.data["from"]) for one in told} == {(None, None)}


def test_the_stream_is_plain_http(register: Register) -> None:
    alice = register("alice")
    with alice.http.stream("GET", "/query/v1/stream") as response:
        assert response.status_code == 200
        assert response.headers.get_list("Content-Type") == ["text/event-stream"]
        assert response.headers.get_list("Cache-Control") == ["no-store"]
        assert len(response.headers.get_list("X-Request-ID")) == 1
        assert next(response.iter_lines()) == "retry: 1000"
    head = alice.http.head("/query/v1/stream")
    assert (head.status_code, head.content) == (200, b"")
    assert alice.http.post("/query/v1/stream").status_code == 405
    refused = alice.http.get("/query/v1/stream", headers={"Accept": "application/json"})
    assert refused.status_code == 406
    refused = alice.http.get("/query/v1/stream", headers={"Last-Event-ID": "nonsense"})
    assert refused.json()["type"] == "/problems/last-event-id-invalid"
    assert alice.http.get(refused.json()["type"]).status_code == 200


def test_an_account_beyond_its_share_of_streams_is_refused_and_still_reads(
    register: Register, listen: Listen
) -> None:
    alice = register("alice")
    for _ in range(10):
        listen(alice)
    refused = alice.http.get("/query/v1/stream")
    assert refused.status_code == 429
    assert refused.json()["type"] == "/problems/too-many-streams"
    assert int(refused.headers["Retry-After"]) >= 1
    assert alice.http.get("/query/v1/unread").status_code == 200
