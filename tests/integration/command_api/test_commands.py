"""The command API over a real queue and a real directory; nobody projects."""

from __future__ import annotations

from typing import Any

import pytest

from events.contracts.conversations import ConversationRead
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from events.contracts.offsets import START
from events.queue import EventQueue
from runtime.ids import (
    conversation_of,
    new_id,
    partition_of,
    partition_of_message,
)
from tests.command_harness import Commands, accepted, only, problem, queued
from tests.integration.command_api.conftest import People

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MESSAGE = "01990f5e-7c1a-7b3e-9f60-31aa5d7a4c09"


def test_a_message_is_queued_in_the_partition_of_its_conversation(
    alice: Commands, queue: EventQueue, people: People
) -> None:
    answer = alice.call(
        "POST",
        "messages",
        json={"to": "BOB", "body": "Hello", "subject": "Greeting"},
        headers={"X-Request-ID": "request-1", "traceparent": TRACE},
    )
    body = accepted(answer)
    envelope = only(queue)
    conversation = conversation_of(people.alice, people.bob)
    assert isinstance(envelope.event, MessageSent)
    assert envelope.event == MessageSent(
        message_id=envelope.event.message_id,
        conversation_id=conversation,
        recipient_id=people.bob,
        body="Hello",
        subject="Greeting",
    )
    assert envelope.actor_id == people.alice
    assert (envelope.request_id, envelope.traceparent) == ("request-1", TRACE)
    assert body["event_id"] == str(envelope.id)
    assert body["message_id"] == str(envelope.event.message_id)
    assert partition_of_message(envelope.event.message_id, 4) == partition_of(conversation, 4)


def test_the_answer_names_status_time_token_and_where_to_look(
    alice: Commands, queue: EventQueue
) -> None:
    answer = alice.send("bob")
    body = accepted(answer)
    token = body["consistency_token"]
    assert list(body) == [
        "event_id",
        "message_id",
        "status",
        "accepted_at",
        "consistency_token",
    ]
    assert body["status"] == "accepted"
    assert body["accepted_at"].endswith("Z")
    assert answer.headers["Consistency-Token"] == token
    assert answer.headers["Location"] == f"/query/v1/events/{body['event_id']}?token={token}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Idempotent-Replayed" not in answer.headers
    decoded = alice.tools.tokens.decode(token)
    (entry,) = queue.read(decoded.partition, after=START, limit=10)
    assert (decoded.offset, decoded.epoch, decoded.account_id) == (entry.offset, 1, alice.account)


def test_a_malformed_trace_is_left_out(alice: Commands, queue: EventQueue) -> None:
    alice.call(
        "POST",
        "messages",
        json={"to": "bob", "body": "x"},
        headers={"traceparent": TRACE.upper()},
    )
    assert only(queue).traceparent is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"body": "new"}, {"body": "new"}),
        ({"subject": None}, {"subject": None}),
        ({"body": "new", "subject": "s"}, {"body": "new", "subject": "s"}),
    ],
)
def test_an_edit_carries_what_it_names_and_nothing_else(
    alice: Commands, queue: EventQueue, changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    message = new_id()
    body = accepted(alice.call("PATCH", f"messages/{message}", json=changes))
    event = only(queue).event
    assert isinstance(event, MessageEdited)
    assert (event.message_id, dict(event.changes)) == (message, expected)
    assert body["message_id"] == str(message)


@pytest.mark.parametrize(
    ("query", "audience"), [("", "everyone"), ("?for=everyone", "everyone"), ("?for=me", "me")]
)
def test_a_deletion_is_for_everyone_unless_it_says_otherwise(
    alice: Commands, queue: EventQueue, query: str, audience: str
) -> None:
    message = new_id()
    accepted(alice.call("DELETE", f"messages/{message}{query}"))
    event = only(queue).event
    assert isinstance(event, MessageDeleted)
    assert (event.message_id, event.audience) == (message, audience)


def test_a_new_read_position_names_conversation_and_peer(
    alice: Commands, queue: EventQueue, people: People
) -> None:
    body = accepted(alice.call("POST", "conversations/Bob/read", json={"up_to": 2**63 - 1}))
    assert "message_id" not in body
    assert only(queue).event == ConversationRead(
        conversation_id=conversation_of(people.alice, people.bob),
        peer_id=people.bob,
        up_to=2**63 - 1,
    )


@pytest.mark.parametrize(
    ("method", "path", "json", "fields"),
    [
        ("POST", "messages", {"to": "alice", "body": "x"}, {"to"}),
        ("POST", "messages", {"to": "bob", "body": ""}, {"body"}),
        ("POST", "messages", {"to": "bob", "body": "x" * 10_001}, {"body"}),
        ("POST", "messages", {"to": "bob", "body": "a\0b"}, {"body"}),
        ("POST", "messages", {"to": "bob", "body": "\ud800"}, {"body"}),
        ("POST", "messages", {"to": "bob\0", "body": "x"}, {"to"}),
        ("POST", "messages", {"to": "b" * 257, "body": "x"}, {"to"}),
        ("POST", "messages", {"to": ["bob"], "body": 1}, {"to", "body"}),
        ("POST", "messages", {"to": "bob", "body": "x", "subject": "s" * 201}, {"subject"}),
        ("POST", "messages", {"body": "x", "from": "bob"}, {"to", "from"}),
        ("POST", "messages?for=me", {"to": "bob", "body": "x"}, {"for"}),
        ("PATCH", f"messages/{MESSAGE}", {"body": None}, {"body"}),
        ("PATCH", f"messages/{MESSAGE}", {}, None),
        ("DELETE", f"messages/{MESSAGE}?for=you", None, {"for"}),
        ("DELETE", f"messages/{MESSAGE}?for=me&for=me", None, {"for"}),
        ("DELETE", f"messages/{MESSAGE}?fro=me", None, {"fro"}),
        ("POST", "conversations/alice/read", {"up_to": 1}, {"username"}),
        ("POST", "conversations/bob/read", {"up_to": 0}, {"up_to"}),
        ("POST", "conversations/bob/read", {"up_to": 2**63}, {"up_to"}),
        ("POST", "conversations/bob/read", {"up_to": 1.0}, {"up_to"}),
        ("POST", "conversations/bob/read", {"up_to": True}, {"up_to"}),
        ("POST", "conversations/bob/read", {"up_to": "1"}, {"up_to"}),
        ("POST", "batch", {"commands": []}, {"commands"}),
        ("POST", "batch", {"commands": [{}] * 501}, {"commands"}),
        ("POST", "batch", {"commands": {}}, {"commands"}),
        ("POST", "batch", {"commands": [{}], "more": 1}, {"more"}),
        ("POST", "batch", {"commands": [{}], "\ud800": 1}, {"\\ud800"}),
        ("POST", "batch", [], None),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_accepted(
    alice: Commands,
    queue: EventQueue,
    method: str,
    path: str,
    json: object,
    fields: set[str] | None,
) -> None:
    options: dict[str, Any] = {} if json is None else {"json": json}
    answer = alice.call(method, path, key="k", **options)
    assert problem(answer) == (422, "invalid-fields")
    assert answer.json is not None
    assert set(answer.json.get("errors", ())) == (fields or set())
    assert queued(queue) == []


@pytest.mark.parametrize("name", ["nobody", "a b", "x" * 65, "%00", "é/"])
def test_an_unknown_recipient_is_told_and_nothing_is_accepted(
    alice: Commands, queue: EventQueue, name: str
) -> None:
    assert problem(alice.send(name)) == (404, "recipient-unknown")
    assert queued(queue) == []


@pytest.mark.parametrize("name", ["nobody", "a%20b", "%00", "%ED%A0%80"])
def test_the_conversation_with_an_unknown_user_cannot_be_read(alice: Commands, name: str) -> None:
    answer = alice.call("POST", f"conversations/{name}/read", json={"up_to": 1})
    assert problem(answer) == (404, "recipient-unknown")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_id_that_is_no_uuid_is_not_found(alice: Commands, method: str) -> None:
    options: dict[str, Any] = {"json": {"body": "x"}} if method == "PATCH" else {}
    assert problem(alice.call(method, "messages/1", **options)) == (404, "not-found")


def test_the_longest_legal_message_fits_however_it_is_escaped(
    alice: Commands, queue: EventQueue
) -> None:
    body = "\\ud83d\\ude00" * 10_000
    answer = alice.call(
        "POST",
        "messages",
        data=f'{{"to": "bob", "body": "{body}"}}',
        content_type="application/json",
    )
    accepted(answer)
    event = only(queue).event
    assert isinstance(event, MessageSent)
    assert event.body == "\N{GRINNING FACE}" * 10_000


def test_a_deletion_whose_audience_is_in_a_body_is_refused(
    alice: Commands, queue: EventQueue
) -> None:
    answer = alice.call("DELETE", f"messages/{MESSAGE}", json={"for": "me"})
    assert problem(answer) == (422, "invalid-fields")
    assert answer.json is not None
    assert "?for=me" in answer.json["detail"]
    assert queued(queue) == []
    accepted(alice.call("DELETE", f"messages/{MESSAGE}", content_type="application/json"))
