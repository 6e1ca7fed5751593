"""Idempotency keys over HTTP: a repeated command acts once and gets the first answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from events.append import RateLimit
from events.queue import EventQueue
from runtime.ids import Epoch, new_id
from tests.command_harness import Commands, accepted, commands_of, problem, queued
from tests.integration.command_api.conftest import QUEUE, People
from tests.servers import Servers


def test_a_repeated_command_gets_the_first_answer_to_the_byte(
    alice: Commands, queue: EventQueue
) -> None:
    message = new_id()
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "messages", {"json": {"to": "bob", "body": "x"}}),
        ("PATCH", f"messages/{message}", {"json": {"body": "y"}}),
        ("DELETE", f"messages/{message}?for=me", {}),
        ("POST", "conversations/bob/read", {"json": {"up_to": 3}}),
        ("POST", "batch", {"json": {"commands": [{}, {"type": "send_message"}]}}),
    ]
    for number, (method, path, options) in enumerate(calls):
        first = alice.call(method, path, key=f"key-{number}", **options)
        again = alice.call(method, path, key=f'"key-{number}"', **options)
        assert again.data == first.data
        assert again.headers.get("Consistency-Token") == first.headers.get("Consistency-Token")
        assert again.headers.get("Location") == first.headers.get("Location")
        assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
    assert len(queued(queue)) == 4


def test_fifty_identical_commands_at_once_make_one_event(
    alice: Commands, queue: EventQueue
) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: alice.send("bob", key="k"), range(50)))
    assert len({answer.data for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 49
    assert len(queued(queue)) == 1


def test_payloads_are_compared_as_json_values(alice: Commands, queue: EventQueue) -> None:
    bodies = ['{"to":"bob","body":"A"}', ' {"body" : "\\u0041",\n"to":"bob"} ']
    answers = [
        alice.call("POST", "messages", key="k", data=body, content_type="application/json")
        for body in bodies
    ]
    assert answers[0].data == answers[1].data
    assert len(queued(queue)) == 1


def test_a_key_with_another_payload_path_or_method_is_refused(
    alice: Commands, queue: EventQueue
) -> None:
    message = new_id()
    accepted(alice.call("DELETE", f"messages/{message}", key="k"))
    same = alice.call("DELETE", f"messages/{message}?for=everyone", key="k")
    assert same.headers["Idempotent-Replayed"] == "true"
    for answer in (
        alice.call("DELETE", f"messages/{message}?for=me", key="k"),
        alice.call("DELETE", f"messages/{new_id()}", key="k"),
        alice.call("PATCH", f"messages/{message}", key="k", json={"body": "x"}),
        alice.send("nobody", key="k"),
    ):
        assert problem(answer) == (422, "idempotency-key-reused")
    assert len(queued(queue)) == 1


def test_keys_belong_to_an_account(alice: Commands, queue: EventQueue, people: People) -> None:
    bob = replace(alice, account=people.bob)
    first = alice.call("DELETE", f"messages/{new_id()}", key="k")
    other = bob.call("DELETE", f"messages/{new_id()}", key="k")
    assert accepted(first)["event_id"] != accepted(other)["event_id"]
    assert len(queued(queue)) == 2


def test_a_refused_command_leaves_its_key_free(
    alice: Commands, queue: EventQueue, people: People
) -> None:
    assert alice.send("carol", key="k").status_code == 404
    assert alice.send("alice", key="k").status_code == 422
    queue.close()
    assert alice.send("bob", key="k").status_code == 503
    queue.open(Epoch(1))
    answer = alice.send("bob", "another body", key="k")
    accepted(answer)
    assert "Idempotent-Replayed" not in answer.headers


def test_a_repeated_command_is_answered_though_its_recipient_has_gone(
    servers: Servers, queue: EventQueue, people: People, superuser: Engine
) -> None:
    first = commands_of(people.alice, servers, QUEUE).send("bob", key="k")
    with superuser.begin() as connection:
        connection.execute(text("DELETE FROM identity.account WHERE username = 'bob'"))
    # Another process, which remembers nobody.
    elsewhere = commands_of(people.alice, servers, QUEUE)
    again = elsewhere.send("bob", key="k")
    assert again.data == first.data
    assert again.headers["Idempotent-Replayed"] == "true"
    assert problem(elsewhere.send("bob", key="other")) == (404, "recipient-unknown")
    assert problem(elsewhere.send("bob", "changed", key="k")) == (422, "idempotency-key-reused")
    assert len(queued(queue)) == 1


def test_a_repeated_command_is_answered_though_the_rate_is_used_up(
    servers: Servers, queue: EventQueue, people: People
) -> None:
    rate = RateLimit(per_second=1, burst=1)
    alice = commands_of(people.alice, servers, QUEUE, rate=rate)
    first = alice.send("bob", key="k")
    assert problem(alice.send("bob", key="other")) == (429, "rate-exceeded")
    assert alice.send("bob", key="k").data == first.data


def test_a_repeated_command_is_answered_in_a_later_life_of_the_queue(
    alice: Commands, queue: EventQueue
) -> None:
    first = alice.send("bob", key="k")
    queue.open(Epoch(2))
    assert alice.send("bob", key="k").data == first.data


@pytest.mark.parametrize(
    ("one", "other"), [("abc", '"abc"'), ('a"b', '"a\\"b"'), ("a\\b", '"a\\\\b"'), (" k", "k")]
)
def test_quoted_and_bare_are_the_same_key(
    alice: Commands, queue: EventQueue, one: str, other: str
) -> None:
    accepted(alice.send("bob", key=one))
    assert alice.send("bob", key=other).headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", '""', "x" * 256, '"open', '"a"b', "\xfc", "a\tb", '"a","b"'])
def test_a_key_that_cannot_be_read_is_refused_and_named(
    alice: Commands, queue: EventQueue, key: str
) -> None:
    answer = alice.send("bob", key=key)
    assert problem(answer) == (422, "idempotency-key-invalid")
    assert answer.json is not None
    assert list(answer.json["errors"]) == ["Idempotency-Key"]
    assert queued(queue) == []


@pytest.mark.parametrize("key", ["x", "x" * 255, '"' + "x" * 255 + '"', '"' + '\\"' * 255 + '"'])
def test_keys_of_1_to_255_characters_are_accepted(
    alice: Commands, queue: EventQueue, key: str
) -> None:
    accepted(alice.send("bob", key=key))


def test_a_key_covers_a_batch_with_its_refusals(
    alice: Commands, queue: EventQueue, people: People
) -> None:
    commands = [
        {"type": "send_message", "to": "bob", "body": "x"},
        {"type": "send_message", "to": "carol", "body": "y"},
    ]
    first = alice.batch(*commands, key="k")
    people.register("carol")
    again = alice.batch(*commands, key="k")
    assert again.data == first.data
    assert again.headers["Consistency-Token"] == first.headers["Consistency-Token"]
    assert problem(alice.batch(*commands[:1], key="k")) == (422, "idempotency-key-reused")
    assert len(queued(queue)) == 1
