"""Commands say what the contract wants, and their answers are read as it promises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from messaging_client import (
    DeleteMessage,
    EditMessage,
    MessageReceipt,
    MessagingClient,
    ProblemError,
    ReadConversation,
    RecipientUnknownError,
    SendMessage,
    UnexpectedAnswerError,
)
from tests.fake_service import FakeService, Handler, answers, problem
from tests.unit.messaging_client.conftest import Connect

pytestmark = pytest.mark.unit
_ID = UUID(int=7)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_EVENT = {
    "event_id": str(UUID(int=8)),
    "type": "message.deleted.v1",
    "status": "rejected",
    "reason": "message-not-found",
    "accepted_at": "2026-01-01T00:00:00.000000Z",
}


def _last(service: FakeService) -> tuple[str, str, Any]:
    request = service.requests[-1]
    return request.method, str(request.url.raw_path, "ascii"), json.loads(request.content or "null")


def test_sending(ann: MessagingClient, service: FakeService) -> None:
    receipt = ann.send_message("ben", "hello")
    assert _last(service) == ("POST", "/command/v1/messages", {"to": "ben", "body": "hello"})
    assert str(receipt.message_id) == service.conversations["ann", "ben"][0]["id"]
    assert receipt.accepted_at == service.now
    assert (receipt.message, receipt.replayed) == (None, False)
    ann.send_message("ben", "hello", "about you")
    assert _last(service)[2]["subject"] == "about you"
    assert "Prefer" not in service.requests[-1].headers


def test_editing_leaves_alone_what_is_not_named(ann: MessagingClient, service: FakeService) -> None:
    ann.edit_message(_ID, body="better")
    assert _last(service) == ("PATCH", f"/command/v1/messages/{_ID}", {"body": "better"})
    ann.edit_message(str(_ID), subject=None)
    assert _last(service)[2] == {"subject": None}


def test_deleting(ann: MessagingClient, service: FakeService) -> None:
    ann.delete_message(_ID)
    assert _last(service) == ("DELETE", f"/command/v1/messages/{_ID}", None)
    ann.delete_message(_ID, for_="me")
    assert _last(service) == ("DELETE", f"/command/v1/messages/{_ID}?for=me", None)


def test_reading(ann: MessagingClient, service: FakeService) -> None:
    ann.read_conversation("zo\u00eb?", 3)
    path = "/command/v1/conversations/zo%C3%AB%3F/read"
    assert _last(service) == ("POST", path, {"up_to": 3})


@pytest.mark.parametrize("username", ["", ".", "..", "a/b"])
def test_what_is_no_username_leads_nowhere(
    ann: MessagingClient, service: FakeService, username: str
) -> None:
    with pytest.raises(ValueError, match="is no username"):
        ann.read_conversation(username, 3)
    with pytest.raises(ValueError, match="is no username"):
        ann.messages(username)
    assert service.requests == []


def test_what_is_no_id_is_not_sent(ann: MessagingClient, service: FakeService) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        ann.delete_message("../messages")
    assert service.requests == []


def test_each_call_has_a_key_of_its_own_or_the_one_given(
    ann: MessagingClient, service: FakeService
) -> None:
    ann.send_message("ben", "hello")
    ann.send_message("ben", "hello")
    ann.send_message("ben", "hello", key="mine")
    keys = [request.headers["Idempotency-Key"] for request in service.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


def test_an_unknown_recipient_has_an_error_of_its_own(ann: MessagingClient) -> None:
    with pytest.raises(RecipientUnknownError):
        ann.send_message("nobody", "hello")


def test_who_waits_gets_the_message(ann: MessagingClient, service: FakeService) -> None:
    sent = {"from": "ann", "to": "ben", "body": "hello"}

    def applied(request: httpx.Request, _serve: Handler) -> httpx.Response:
        assert request.headers["Prefer"] == "wait=5"
        assert request.extensions["timeout"]["read"] == 5.0 + 5.0
        shown = answers.message(7, 1, sent, _NOW)
        return httpx.Response(201, json=shown, headers={"Consistency-Token": "t"})

    service.mischief = applied
    receipt = ann.send_message("ben", "hello", wait=5)
    assert receipt.message is not None
    assert (receipt.message_id, receipt.message.body) == (_ID, "hello")
    assert (receipt.event_id, receipt.consistency_token) == (None, "t")
    assert ann._caller.memory.tokens() == ("t",)


@pytest.mark.parametrize("wait", [-1, 11])
def test_nobody_waits_longer_than_the_service_does(
    ann: MessagingClient, service: FakeService, wait: int
) -> None:
    with pytest.raises(ValueError, match="wait is 0 to 10"):
        ann.send_message("ben", "hello", wait=wait)
    with pytest.raises(ValueError, match="wait is 0 to 10"):
        ann.read_conversation("ben", 1, wait=wait)
    with pytest.raises(ValueError, match="wait is 0 to 10"):
        ann.event(_ID, wait=wait)
    assert service.requests == []


def test_who_waits_for_a_deletion_learns_what_became_of_it(
    ann: MessagingClient, service: FakeService
) -> None:
    def told(request: httpx.Request, serve: Handler) -> httpx.Response:
        if "/events/" not in request.url.path:
            return serve(request)
        assert request.headers["Prefer"] == "wait=3"
        return httpx.Response(200, json=_EVENT)

    service.mischief = told
    receipt = ann.delete_message(_ID, wait=3)
    assert receipt.outcome is not None
    assert (receipt.outcome.status, receipt.outcome.reason) == ("rejected", "message-not-found")
    assert service.requests[-1].url.params["token"] == receipt.consistency_token


def test_a_command_is_accepted_even_where_its_outcome_cannot_be_told(
    ann: MessagingClient, service: FakeService
) -> None:
    def away(request: httpx.Request, serve: Handler) -> httpx.Response:
        return problem(404, "not-found") if "/events/" in request.url.path else serve(request)

    service.mischief = away
    receipt = ann.delete_message(_ID, wait=3)
    assert receipt.event_id is not None
    assert receipt.outcome is None


def test_a_batch_names_each_command_and_tells_of_each(
    ann: MessagingClient, service: FakeService
) -> None:
    results = [
        answers.accepted(9, str(_ID), _NOW),
        json.loads(problem(404, "recipient-unknown").content),
    ]
    headers = {"Consistency-Token": "t1, t2", "X-Request-ID": "r"}
    service.mischief = lambda _request, _serve: httpx.Response(
        202, json={"results": results}, headers=headers
    )
    good, bad = ann.batch(
        [
            SendMessage(to="ben", body="hello", subject="s"),
            SendMessage(to="ben", body="hello"),
            EditMessage(message_id=_ID, body="better"),
            DeleteMessage(message_id=_ID),
            DeleteMessage(message_id=_ID, for_="me"),
            ReadConversation(username="ben", up_to=2),
        ]
    )
    assert isinstance(good, MessageReceipt)
    assert (good.message_id, good.request_id) == (_ID, "r")
    assert isinstance(bad, RecipientUnknownError)
    assert isinstance(bad, ProblemError)
    assert ann._caller.memory.tokens() == ("t1", "t2")
    assert _last(service)[2]["commands"] == [
        {"type": "send_message", "to": "ben", "body": "hello", "subject": "s"},
        {"type": "send_message", "to": "ben", "body": "hello"},
        {"type": "edit_message", "message_id": str(_ID), "body": "better"},
        {"type": "delete_message", "message_id": str(_ID)},
        {"type": "delete_message", "message_id": str(_ID), "for": "me"},
        {"type": "read_conversation", "username": "ben", "up_to": 2},
    ]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(202, text="<html>"),
        httpx.Response(202, json=[]),
        httpx.Response(202, json={}),
        httpx.Response(202, json={"event_id": "x", "accepted_at": "y", "consistency_token": "z"}),
        httpx.Response(201, json={"id": 3}),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_the_family(
    connect: Connect, answer: httpx.Response
) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return answers.granted(1) if request.url.path.endswith("login") else answer

    client = connect(transport=httpx.MockTransport(handle))
    client.login("ann", "secret")
    with pytest.raises(UnexpectedAnswerError):
        client.send_message("ben", "hello")
