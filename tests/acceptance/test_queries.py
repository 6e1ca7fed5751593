"""Queries through NGINX, PGPool and the standby, on what commands have done."""

from __future__ import annotations

import time
from contextlib import closing

import httpx
import pytest

from messaging_client import NotFoundError
from runtime.ids import new_id
from tests.acceptance.people import Person
from tests.running_stack import RunningStack
from tests.unit.query_api.test_statements import STATEMENTS

pytestmark = pytest.mark.stack


def test_every_query_shows_what_a_command_has_just_done(alice: Person, bob: Person) -> None:
    for number in range(1, 21):
        token = alice.write(bob, f"number {number}").consistency_token
        last = bob.client.last_message(alice.username, token=token)
        assert (last.position, last.body) == (number, f"number {number}")
    assert bob.client.message(last.id) == last
    assert bob.client.unread().total == 20
    token = bob.client.read_conversation(alice.username, 15).consistency_token
    (unread,) = bob.client.unread().conversations
    assert (unread.peer, unread.unread_count, unread.first_unread_position) == (
        alice.username,
        5,
        16,
    )
    page = bob.client.unread_messages(alice.username, limit=3).first_page()
    assert [message.position for message in page.items] == [16, 17, 18]
    (listed,) = alice.client.conversations(token=token)
    assert (listed.peer, listed.peer_read_position) == (bob.username, 15)
    token = alice.client.delete_message(last.id).consistency_token
    with pytest.raises(NotFoundError):
        bob.client.message(last.id, token=token)
    assert bob.client.message(last.id, include_deleted=True).body is None


def test_links_lead_through_the_whole_conversation(alice: Person, bob: Person) -> None:
    token = [alice.write(bob, str(number)) for number in range(7)][-1].consistency_token
    page = bob.get(f"conversations/{alice.username}/messages?limit=3", token=token)
    met = [item["body"] for item in page.json()["items"]]
    while "prev" in page.links:
        assert page.links["prev"]["url"] == page.json()["prev"]
        page = bob.get(page.links["prev"]["url"])
        met = [item["body"] for item in page.json()["items"]] + met
    assert met == [str(number) for number in range(7)]


def test_an_answer_at_hand_is_confirmed_through_nginx(alice: Person, bob: Person) -> None:
    token = alice.write(bob, "hello").consistency_token
    first = bob.get("conversations", token=token)
    assert first.headers.get_list("Cache-Control") == ["private, no-cache"]
    known = {"If-None-Match": first.headers["ETag"]}
    again = bob.get("conversations", **known)
    assert (again.status_code, again.content) == (304, b"")
    token = alice.write(bob, "again").consistency_token
    assert bob.get("conversations", token=token, **known).status_code == 200


def test_messages_are_found_by_their_words(alice: Person, bob: Person) -> None:
    for body in ("Shall we meet at NOON?", "Noon it is", "“Noon”, then", "Goodbye"):
        token = alice.write(bob, body).consistency_token
    first = bob.get("search?q=noon&limit=2", token=token)
    assert [item["body"] for item in first.json()["items"]] == ["“Noon”, then", "Noon it is"]
    second = bob.see(first.links["next"]["url"])
    assert [item["body"] for item in second["items"]] == ["Shall we meet at NOON?"]
    assert bob.see(f"search?q=meet+noon&with={alice.username}")["items"] == second["items"]
    assert (
        bob.get("search?q=noon&limit=2", **{"If-None-Match": first.headers["ETag"]}).status_code
        == 304
    )
    token = alice.client.delete_message(second["items"][0]["id"]).consistency_token
    assert bob.get("search?q=meet", token=token).json()["items"] == []


def test_an_ended_session_reads_no_more_within_five_seconds(alice: Person) -> None:
    assert alice.get("unread").status_code == 200
    alice.client.logout()
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
        "number": 0,
        "few": 5000,
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
