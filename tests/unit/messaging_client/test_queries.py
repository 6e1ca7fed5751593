"""Queries are typed; lists follow their links; answers at hand cost a 304."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from messaging_client import (
    MessagingClient,
    NotFoundError,
    UnexpectedAnswerError,
)
from tests.fake_service import EPOCH, FakeService, Handler, answers
from tests.unit.messaging_client.conftest import Connect

pytestmark = pytest.mark.unit
_MESSAGES = "/query/v1/conversations/ben/messages"


@pytest.fixture
def talk(ann: MessagingClient, service: FakeService) -> MessagingClient:
    """Ann, who has sent Ben seven messages."""
    for number in range(7):
        service.store("ann", "ben", f"number {number}")
    return ann


def _answering(service: FakeService, document: object) -> None:
    service.mischief = lambda _request, _serve: httpx.Response(200, json=document)


def test_a_message_is_typed(talk: MessagingClient, service: FakeService) -> None:
    message = talk.messages("ben", limit=1).first_page().items[0]
    assert isinstance(message.id, UUID)
    assert (message.sender, message.recipient, message.subject) == ("ann", "ben", None)
    assert message.position == 7
    assert message.sent_at == service.now
    assert message.sent_at.tzinfo is not None
    assert (message.edited_at, message.deleted_at, message.read_at) == (None, None, None)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
def test_messages_are_the_newest_first_or_from_a_position_on(
    talk: MessagingClient, limit: int
) -> None:
    assert [one.position for one in talk.messages("ben", limit=limit)] == [7, 6, 5, 4, 3, 2, 1]
    shown = talk.messages("ben", after=0, limit=limit)
    assert [one.position for one in shown] == [1, 2, 3, 4, 5, 6, 7]
    shown = talk.messages("ben", before=4, limit=limit)
    assert [one.position for one in shown] == [3, 2, 1]
    # Asked for anew each time.
    assert len(list(shown)) == 3


def test_pages_are_fetched_only_as_they_are_read(
    talk: MessagingClient, service: FakeService
) -> None:
    pages = talk.messages("ben", limit=3).pages()
    assert [one.position for one in next(pages).items] == [5, 6, 7]
    assert service.count(_MESSAGES) == 1


def test_every_page_shows_what_the_first_did(talk: MessagingClient, service: FakeService) -> None:
    own = talk.send_message("ben", "one more").consistency_token
    list(talk.messages("ben", limit=3, token="other"))
    carried = {request.headers["Consistency-Token"] for request in service.asked(_MESSAGES)}
    assert carried == {f"other,{own}"}
    assert service.count(_MESSAGES) == 3


@pytest.mark.parametrize("link", ["http://elsewhere/steal", "//elsewhere/steal", "elsewhere"])
def test_no_token_is_carried_elsewhere(
    ann: MessagingClient, service: FakeService, link: str
) -> None:
    _answering(service, {"items": [], "next": link, "prev": link})
    with pytest.raises(UnexpectedAnswerError, match="another service"):
        list(ann.conversations())
    assert len(service.requests) == 1


def test_parameters_are_those_of_the_contract(ann: MessagingClient, service: FakeService) -> None:
    _answering(service, {"items": [], "next": None, "prev": None})
    list(ann.conversations(limit=7))
    list(ann.messages("ben", before=9, after=2, include_deleted=True))
    list(ann.unread_messages("ben", after=4, limit=5))
    list(ann.search("a & b", with_="ben"))
    assert [str(request.url.raw_path, "ascii") for request in service.requests] == [
        "/query/v1/conversations?limit=7",
        f"{_MESSAGES}?limit=50&before=9&after=2&include=deleted",
        f"{_MESSAGES}/unread?limit=5&after=4",
        "/query/v1/search?q=a+%26+b&limit=50&with=ben",
    ]


def test_single_messages(ann: MessagingClient, service: FakeService) -> None:
    sent = {"from": None, "to": "ann", "body": None}
    _answering(service, answers.message(3, 1, sent, EPOCH))
    assert ann.last_message("ben").sender is None
    ann.last_message("ben", from_any=True)
    ann.message(UUID(int=3))
    ann.message(str(UUID(int=3)), include_deleted=True)
    assert [str(request.url.raw_path, "ascii") for request in service.requests] == [
        f"{_MESSAGES}/last",
        f"{_MESSAGES}/last?from=any",
        f"/query/v1/messages/{UUID(int=3)}",
        f"/query/v1/messages/{UUID(int=3)}?include=deleted",
    ]


def test_what_is_not_there_has_an_error_of_its_own(ann: MessagingClient) -> None:
    with pytest.raises(NotFoundError):
        ann.message(UUID(int=3))


def test_conversations_and_unread_are_typed(talk: MessagingClient, service: FakeService) -> None:
    (conversation,) = talk.conversations()
    assert (conversation.peer, conversation.last_position, conversation.unread_count) == (
        "ben",
        7,
        0,
    )
    assert conversation.last_message is not None
    assert conversation.last_message.body == "number 6"
    talk.login("ben", "secret of ben")
    assert talk.unread().total == 7
    assert talk.unread().conversations[0].first_unread_position == 1


def test_an_event_is_asked_for_with_its_own_token_alone(
    ann: MessagingClient, service: FakeService
) -> None:
    ann.send_message("ben", "hello")
    event = {
        "event_id": str(UUID(int=8)),
        "type": "message.sent.v1",
        "status": "applied",
        "accepted_at": "2026-01-01T00:00:00.000000Z",
        "applied_at": "2026-01-01T00:00:01.500000Z",
    }
    _answering(service, event)
    told = ann.event(UUID(int=8), token="its-own", wait=4)
    request = service.requests[-1]
    assert str(request.url).endswith(f"/query/v1/events/{UUID(int=8)}?token=its-own")
    assert request.headers["Prefer"] == "wait=4"
    assert "Consistency-Token" not in request.headers
    assert (told.status, told.reason) == ("applied", None)
    assert told.applied_at == datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert len(ann._caller.memory) == 1


def test_account_and_sessions_are_typed(ann: MessagingClient, service: FakeService) -> None:
    assert ann.me().username == "ann"
    session = {
        "id": str(UUID(int=5)),
        "created_at": "2026-01-01T00:00:00.000000Z",
        "last_used_at": "2026-01-01T00:00:00.000000Z",
        "user_agent": "x",
        "address": "127.0.0.1",
        "current": True,
    }
    _answering(service, {"items": [session]})
    (shown,) = ann.sessions()
    assert (shown.id, shown.current, shown.created_at) == (UUID(int=5), True, EPOCH)
    _answering(service, {})
    ann.end_session(shown.id)
    assert service.requests[-1].url.path == f"/auth/v1/sessions/{shown.id}"


class Tagging:
    """Gives each answer an entity tag, and confirms it."""

    def __init__(self) -> None:
        self.confirmed = 0

    def __call__(self, request: httpx.Request, serve: Handler) -> httpx.Response:
        answer = serve(request)
        etag = f'"{hash(answer.content)}"'
        if request.headers.get("If-None-Match") == etag:
            self.confirmed += 1
            return httpx.Response(304, headers={"ETag": etag})
        answer.headers["ETag"] = etag
        return answer


def test_an_answer_at_hand_is_confirmed(
    talk: MessagingClient, connect: Connect, service: FakeService
) -> None:
    client = connect(cached_answers=2)
    client.login("ann", "secret of ann")
    service.mischief = tagging = Tagging()
    first = client.unread()
    assert client.unread() == first
    assert tagging.confirmed == 1
    assert len(list(client.messages("ben"))) == 7
    service.store("ben", "ann", "news")
    assert client.unread().total == 1
    assert len(list(client.messages("ben"))) == 8
    assert tagging.confirmed == 1
    list(client.conversations())
    assert len(client._caller._cache) == 2
    client.login("ben", "secret of ben")
    assert len(client._caller._cache) == 0


def test_no_answer_is_kept_unless_asked_to(talk: MessagingClient, service: FakeService) -> None:
    service.mischief = tagging = Tagging()
    talk.unread()
    talk.unread()
    assert tagging.confirmed == 0


@pytest.mark.parametrize("document", [{}, {"total": 1}, {"total": 1, "conversations": [3]}])
def test_a_document_that_lacks_something_is_an_error_of_the_family(
    ann: MessagingClient, service: FakeService, document: object
) -> None:
    service.mischief = lambda _request, _serve: httpx.Response(200, text=json.dumps(document))
    with pytest.raises(UnexpectedAnswerError):
        ann.unread()
