"""Batches over HTTP."""

from __future__ import annotations

from typing import Any

from redis import Redis
from sqlalchemy import event

from events.append import RateLimit
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from events.queue import EventQueue
from runtime.ids import Epoch, new_id
from tests.command_harness import Commands, accepted, commands_of, problem, queued
from tests.integration.command_api.conftest import QUEUE, People
from tests.servers import Servers

SEND = {"type": "send_message", "to": "bob", "body": "x"}


def slugs(results: list[dict[str, Any]]) -> list[str]:
    return [
        result["type"].removeprefix("/problems/") if "type" in result else result["status"]
        for result in results
    ]


def test_each_command_is_answered_in_its_place(alice: Commands, queue: EventQueue) -> None:
    message = str(new_id())
    answer = alice.batch(
        SEND | {"subject": "s"},
        {"type": "edit_message", "message_id": message, "subject": None},
        {"type": "delete_message", "message_id": message},
        {"type": "delete_message", "message_id": message, "for": "me"},
        {"type": "read_conversation", "username": "Bob", "up_to": 1},
    )
    results = accepted(answer)["results"]
    assert slugs(results) == ["accepted"] * 5
    assert [result.get("message_id") == message for result in results] == [
        False,
        True,
        True,
        True,
        False,
    ]
    by_id = {str(envelope.id): envelope.event for envelope in queued(queue)}
    events = [by_id[result["event_id"]] for result in results]
    sent, edited, deleted, hidden, _ = events
    assert isinstance(sent, MessageSent)
    assert (sent.body, sent.subject) == ("x", "s")
    assert isinstance(edited, MessageEdited)
    assert dict(edited.changes) == {"subject": None}
    assert isinstance(deleted, MessageDeleted)
    assert isinstance(hidden, MessageDeleted)
    assert (deleted.audience, hidden.audience) == ("everyone", "me")


def test_a_bad_command_gets_its_problem_and_the_rest_are_accepted(
    alice: Commands, queue: EventQueue
) -> None:
    message = str(new_id())
    answer = alice.batch(
        SEND,
        SEND | {"to": "nobody"},
        SEND | {"to": "alice"},
        SEND | {"body": "a\0b"},
        SEND | {"body": "\ud800"},
        SEND | {"\ud800": 1},
        SEND | {"message_id": message},
        {"type": "edit_message", "message_id": message},
        {"type": "edit_message", "message_id": "1", "body": "x"},
        {"type": "delete_message", "message_id": message, "for": None},
        {"type": "read_conversation", "username": "nobody", "up_to": 1},
        {"type": "read_conversation", "username": "bob", "up_to": 2**70},
        {"type": ["send_message"]},
        {"type": "register"},
        {},
        None,
        [],
        "\ud800",
        1.5,
        SEND,
        key="k",
    )
    results = accepted(answer)["results"]
    assert slugs(results) == [
        "accepted",
        "recipient-unknown",
        *["invalid-fields"] * 8,
        "recipient-unknown",
        *["invalid-fields"] * 8,
        "accepted",
    ]
    assert results[2]["errors"].keys() == {"to"}
    assert results[3]["errors"].keys() == {"body"}
    assert results[1]["instance"] == "/command/v1/batch"
    assert results[1]["request_id"] == answer.headers["X-Request-ID"]
    assert len(queued(queue)) == 2


def test_one_header_holds_the_newest_token_of_each_partition(
    alice: Commands, queue: EventQueue
) -> None:
    ids = [new_id().int & ~3 | partition for partition in (0, 1, 0, 1, 0)]
    commands = [
        {"type": "delete_message", "message_id": str(type(new_id())(int=one))} for one in ids
    ]
    answer = alice.batch(*commands)
    told = [result["consistency_token"] for result in accepted(answer)["results"]]
    header = answer.headers["Consistency-Token"]
    assert sorted(header.split(",")) == sorted([told[3], told[4]])
    tokens = alice.tools.tokens.decode_all(header)
    assert {token.partition for token in tokens} == {0, 1}


def test_a_batch_of_500_is_one_query_and_one_append(
    alice: Commands, queue: EventQueue, people: People, redis: Redis
) -> None:
    names = [f"user{number}" for number in range(20)]
    for name in names:
        people.register(name)
    commands = [SEND | {"to": names[number % 20]} for number in range(500)]
    asked: list[object] = []
    engine = alice.tools.directory._engine

    @event.listens_for(engine, "before_cursor_execute")
    def count(*arguments: object) -> None:
        asked.append(arguments)

    before = redis.info("commandstats").get("cmdstat_fcall", {"calls": 0})["calls"]
    answer = alice.batch(*commands)
    after = redis.info("commandstats")["cmdstat_fcall"]["calls"]
    assert slugs(accepted(answer)["results"]) == ["accepted"] * 500
    assert (len(asked), after - before) == (1, 1)
    assert len(queued(queue)) == 500


def test_a_batch_of_nothing_but_bad_commands_is_answered_without_a_token(
    alice: Commands, queue: EventQueue
) -> None:
    answer = alice.batch({}, {})
    assert slugs(accepted(answer)["results"]) == ["invalid-fields"] * 2
    assert "Consistency-Token" not in answer.headers


def test_a_batch_over_one_mebibyte_is_too_large_and_one_below_is_not(
    alice: Commands, queue: EventQueue
) -> None:
    commands = [SEND | {"body": "x" * 10_000}] * 100
    accepted(alice.batch(*commands))
    assert problem(alice.batch(*commands, *commands[:10])) == (413, "content-too-large")
    assert len(queued(queue)) == 100


def test_every_command_of_a_batch_counts(
    servers: Servers, queue: EventQueue, people: People
) -> None:
    alice = commands_of(people.alice, servers, QUEUE, rate=RateLimit(per_second=1, burst=10))
    accepted(alice.batch(*[SEND] * 6))
    refused = alice.batch(*[SEND] * 6)
    assert problem(refused) == (429, "rate-exceeded")
    assert refused.headers["Retry-After"] == "2"
    assert len(queued(queue)) == 6


def test_the_refused_commands_of_a_batch_count_as_well(
    servers: Servers, queue: EventQueue, people: People
) -> None:
    alice = commands_of(people.alice, servers, QUEUE, rate=RateLimit(per_second=1, burst=10))
    stranger = SEND | {"to": "stranger"}
    results = accepted(alice.batch(*[stranger] * 5, {}, SEND))["results"]
    assert slugs(results) == ["recipient-unknown"] * 5 + ["invalid-fields", "accepted"]
    assert problem(alice.batch(*[stranger] * 6)) == (429, "rate-exceeded")
    assert len(queued(queue)) == 1


def test_a_closed_queue_refuses_the_whole_batch_and_leaves_its_key_free(
    alice: Commands, queue: EventQueue
) -> None:
    queue.close()
    refused = alice.batch(SEND, {}, key="k")
    assert problem(refused) == (503, "queue-unavailable")
    queue.open(Epoch(1))
    assert "Idempotent-Replayed" not in alice.batch(SEND, SEND, key="k").headers
