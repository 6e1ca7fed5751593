"""Queries through NGINX, PGPool and the standby, on what commands have done."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from runtime.ids import new_id
from tests.running_stack import RunningStack
from tests.unit.query_api.test_statements import STATEMENTS

pytestmark = pytest.mark.stack


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Somebody who is logged in, and reads."""

    username: str
    http: httpx.Client

    def command(self, method: str, path: str, json: object = None) -> dict[str, str]:
        """Give a command; return what makes a query show its effect."""
        answer = self.http.request(method, f"/command/v1/{path}", json=json)
        assert answer.status_code == 202, answer.text
        token = answer.headers["Consistency-Token"]
        return {"Consistency-Token": token, "Prefer": "wait=10"}

    def send(self, to: Reader, body: str) -> dict[str, str]:
        return self.command("POST", "messages", {"to": to.username, "body": body})

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        address = path if path.startswith("/") else f"/query/v1/{path}"
        return self.http.get(address, headers=headers)

    def see(self, path: str, headers: dict[str, str] | None = None) -> Any:
        answer = self.get(path, headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def people(stack: RunningStack) -> Iterator[tuple[Reader, Reader]]:
    with closing(_log_in(stack, "alice")) as alice, closing(_log_in(stack, "bob")) as bob:
        yield (
            Reader(username=alice.headers["X-Me"], http=alice),
            Reader(username=bob.headers["X-Me"], http=bob),
        )


def _log_in(stack: RunningStack, name: str) -> httpx.Client:
    username = f"{name}-{secrets.token_hex(4)}"
    account = {"username": username, "password": secrets.token_urlsafe(16)}
    http = httpx.Client(base_url=stack.url, timeout=30, headers={"X-Me": username})
    registered = http.post(
        "/auth/v1/register", json={**account, "email": f"{username}@example.org"}
    )
    assert registered.status_code == 201
    token = http.post("/auth/v1/login", json=account).json()["access_token"]
    http.headers["Authorization"] = f"Bearer {token}"
    return http


def test_every_query_shows_what_a_command_has_just_done(people: tuple[Reader, Reader]) -> None:
    alice, bob = people
    for number in range(1, 21):
        shown = alice.send(bob, f"number {number}")
        last = bob.see(f"conversations/{alice.username}/messages/last", shown)
        assert (last["position"], last["body"]) == (number, f"number {number}")
    assert bob.see(f"messages/{last['id']}") == last
    assert bob.see("unread")["total"] == 20
    shown = bob.command("POST", f"conversations/{alice.username}/read", {"up_to": 15})
    assert bob.see("unread", shown)["conversations"] == [
        {"with": alice.username, "unread_count": 5, "first_unread_position": 16}
    ]
    unread = bob.see(f"conversations/{alice.username}/messages/unread?limit=3", shown)
    assert [item["position"] for item in unread["items"]] == [16, 17, 18]
    (listed,) = alice.see("conversations", shown)["items"]
    assert (listed["with"], listed["peer_read_position"]) == (bob.username, 15)
    shown = alice.command("DELETE", f"messages/{last['id']}")
    assert bob.get(f"messages/{last['id']}", shown).status_code == 404
    assert bob.see(f"messages/{last['id']}?include=deleted")["body"] is None


def test_links_lead_through_the_whole_conversation(people: tuple[Reader, Reader]) -> None:
    alice, bob = people
    shown = [alice.send(bob, str(number)) for number in range(7)][-1]
    page = bob.get(f"conversations/{alice.username}/messages?limit=3", shown)
    met = [item["body"] for item in page.json()["items"]]
    while "prev" in page.links:
        assert page.links["prev"]["url"] == page.json()["prev"]
        page = bob.get(page.links["prev"]["url"])
        met = [item["body"] for item in page.json()["items"]] + met
    assert met == [str(number) for number in range(7)]


def test_an_answer_at_hand_is_confirmed_through_nginx(people: tuple[Reader, Reader]) -> None:
    alice, bob = people
    shown = alice.send(bob, "hello")
    first = bob.get("conversations", shown)
    assert first.headers.get_list("Cache-Control") == ["private, no-cache"]
    again = bob.get("conversations", {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    shown = alice.send(bob, "again")
    changed = bob.get("conversations", {**shown, "If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_messages_are_found_by_their_words(people: tuple[Reader, Reader]) -> None:
    alice, bob = people
    for body in ("Shall we meet at NOON?", "Noon it is", "“Noon”, then", "Goodbye"):
        shown = alice.send(bob, body)
    first = bob.get("search?q=noon&limit=2", shown)
    assert [item["body"] for item in first.json()["items"]] == ["“Noon”, then", "Noon it is"]
    second = bob.see(first.links["next"]["url"])
    assert [item["body"] for item in second["items"]] == ["Shall we meet at NOON?"]
    assert bob.see(f"search?q=meet+noon&with={alice.username}")["items"] == second["items"]
    again = bob.get("search?q=noon&limit=2", {"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    shown = alice.command("DELETE", f"messages/{second['items'][0]['id']}")
    assert bob.see("search?q=meet", shown)["items"] == []


def test_an_ended_session_reads_no_more_within_five_seconds(
    people: tuple[Reader, Reader],
) -> None:
    alice, _ = people
    assert alice.get("unread").status_code == 200
    csrf = {"X-CSRF-TOKEN": alice.http.cookies["csrf_refresh_token"]}
    assert alice.http.post("/auth/v1/logout", headers=csrf).status_code == 204
    deadline = time.monotonic() + 5
    while alice.get("unread").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert alice.get("unread").status_code == 401


def test_the_whole_system_is_ready(stack: RunningStack) -> None:
    answer = httpx.get(f"{stack.url}/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "parts": {
            name: {"status": "ready"}
            for name in (
                "auth_api",
                "command_api",
                "pgpool",
                "primary",
                "redis",
                "replica",
                "streams",
                "workers",
            )
        },
    }


def test_pgpool_sends_every_statement_of_the_query_api_to_the_standby(
    stack: RunningStack,
) -> None:
    if not stack.record["pgpool"]:
        pytest.skip("there is no PGPool here: query_api asks the standby directly")
    someone = str(new_id())
    parameters = {
        **dict.fromkeys(
            ("me", "peer", "conversation", "message", "event", "session", "id"), someone
        ),
        "username": "nobody",
        "limit": 1,
        "after": 0,
        "before": 9,
        "moment": "2026-01-31T10:15:42.123456Z",
        "words": "meet noon",
        "finder": f"'for {someone}'",
        "hash": 4711,
        "partitions": [0],
        "offsets": ["0"],
        "epoch": 1,
        "reached": ["0"],
        "accounts": [someone],
    }
    times = 40
    with closing(
        stack.connect("query_api", server="pgpool", application_name="query-api")
    ) as connection:
        cursor = connection.cursor()

        def selects() -> dict[str, int]:
            cursor.execute("SHOW POOL_BACKEND_STATS")
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            return {row["role"]: int(row["select_cnt"]) for row in rows}

        for statement in STATEMENTS:
            before = selects()
            for _ in range(times):
                cursor.execute(statement.sql, parameters)
            after = selects()
            assert after["standby"] - before["standby"] >= times, statement.sql
            assert after["primary"] - before["primary"] < times, statement.sql
