"""The stream of updates goes on without loss when its connection breaks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from messaging_client import (
    ConnectionFailedError,
    MessageUpdate,
    MessagingClient,
    ReadUpdate,
    SessionRevokedError,
    UnexpectedAnswerError,
)
from tests.fake_service import Clock, FakeService, Handler, answers, problem

pytestmark = pytest.mark.unit
_PATH = "/query/v1/stream"
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


class _Breaking(httpx.SyncByteStream):
    """Gives so many bytes, then breaks, or ends in order."""

    def __init__(self, content: bytes, failure: Exception | None) -> None:
        self._content = content
        self._failure = failure

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        if self._failure is not None:
            raise self._failure


class Streaming:
    """Sends updates 1 to `last` from where the client was; each connection breaks after `each`."""

    def __init__(self, last: int, *, each: int, failure: Exception | None) -> None:
        self.last = last
        self.each = each
        self.failure = failure
        self.resumed: list[str | None] = []

    def __call__(self, request: httpx.Request, serve: Handler) -> httpx.Response:
        # Refused as anything else without a good access token.
        answer = serve(request)
        if request.url.path != _PATH or answer.status_code == 401:
            return answer
        since = request.headers.get("Last-Event-ID")
        self.resumed.append(since)
        numbers = range(int(since or 0) + 1, self.last + 1)
        if not numbers:
            return httpx.Response(204)
        content = "".join(map(_sent, itertools.islice(numbers, self.each)))
        # Half an event, which must not count.
        content += "id: 99\nevent: message.sent\ndata: {"
        return httpx.Response(
            200,
            stream=_Breaking(content.encode(), self.failure),
            headers={"Content-Type": "text/event-stream"},
        )


def _sent(number: int) -> str:
    sent = {"from": "ben", "to": "ann", "body": f"number {number}"}
    data = json.dumps(answers.message(number, number, sent, _NOW))
    return f": beat\n\nid: {number}\nevent: message.sent\ndata: {data}\n\n"


@pytest.mark.parametrize("failure", [httpx.ReadError("reset"), httpx.ReadTimeout("silent"), None])
def test_nothing_is_lost_or_doubled_when_the_connection_breaks(
    ann: MessagingClient, service: FakeService, failure: Exception | None
) -> None:
    service.mischief = streaming = Streaming(7, each=3, failure=failure)
    updates = list(ann.stream())
    assert [update.id for update in updates] == ["1", "2", "3", "4", "5", "6", "7"]
    assert isinstance(updates[0], MessageUpdate)
    assert updates[0].message.body == "number 1"
    assert streaming.resumed == [None, "3", "6", "7"]


def test_it_resumes_where_an_earlier_one_was_left(
    ann: MessagingClient, service: FakeService
) -> None:
    service.mischief = streaming = Streaming(7, each=3, failure=None)
    stream = ann.stream(last_event_id="4")
    assert next(iter(stream)).id == "5"
    assert stream.last_event_id == "5"
    assert [update.id for update in stream] == ["6", "7"]
    assert streaming.resumed == ["4", "5", "7"]


def test_a_refused_token_is_renewed(ann: MessagingClient, service: FakeService) -> None:
    service.mischief = Streaming(2, each=1, failure=None)
    updates = []
    for update in ann.stream():
        updates.append(update.id)
        service.expire_all_tokens()
    assert updates == ["1", "2"]
    assert service.logins == 1


def test_it_ends_with_the_session(ann: MessagingClient, service: FakeService) -> None:
    service.mischief = Streaming(9, each=1, failure=None)
    updates = iter(ann.stream())
    next(updates)
    service.end_all_sessions()
    with pytest.raises(SessionRevokedError):
        next(updates)


def test_pauses_grow_while_nothing_arrives_and_then_it_is_given_up(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    service.mischief = lambda _request, _serve: problem(503, "service-unavailable")
    began = clock.now
    with pytest.raises(Exception, match="service-unavailable"):
        next(iter(ann.stream()))
    assert clock.pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert clock.now - began <= 60


def test_an_outage_is_over_once_something_arrives(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    service.mischief = Streaming(50, each=1, failure=httpx.ReadError("reset"))
    clock_began = clock.now
    assert len(list(ann.stream())) == 50
    assert set(clock.pauses) == {0.1}
    assert clock.now > clock_began


def test_without_an_answer_it_is_told_how_the_last_try_failed(
    ann: MessagingClient, service: FakeService
) -> None:
    def refuse(_request: httpx.Request, _serve: Handler) -> httpx.Response:
        raise httpx.ConnectError("refused")

    service.mischief = refuse
    with pytest.raises(ConnectionFailedError, match="GET /query/v1/stream: refused"):
        next(iter(ann.stream()))


def _one_event(service: FakeService, event: str, data: str) -> None:
    content = f"retry: 2500\nid: 1\nevent: {event}\ndata: {data}\n\n"

    def once(request: httpx.Request, _serve: Handler) -> httpx.Response:
        if request.headers.get("Last-Event-ID"):
            return httpx.Response(204)
        return httpx.Response(200, text=content, headers={"Content-Type": "text/event-stream"})

    service.mischief = once


def test_reading_is_told(ann: MessagingClient, service: FakeService) -> None:
    read = {"conversation_id": str(UUID(int=1)), "with": "ben", "reader": "ben", "read_position": 4}
    _one_event(service, "conversation.read", json.dumps(read))
    (update,) = ann.stream()
    assert isinstance(update, ReadUpdate)
    assert (update.peer, update.reader, update.read_position) == ("ben", "ben", 4)


def test_what_this_client_does_not_know_is_left_out_and_the_servers_pause_obeyed(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    _one_event(service, "message.painted", "{}")
    assert list(ann.stream()) == []
    assert clock.pauses[0] == 2.5


@pytest.mark.parametrize("data", ["{", "3", "{}"])
def test_data_that_are_none_are_an_error(
    ann: MessagingClient, service: FakeService, data: str
) -> None:
    _one_event(service, "message.sent", data)
    with pytest.raises(UnexpectedAnswerError):
        list(ann.stream())


def test_something_else_than_a_stream_is_not_read(
    ann: MessagingClient, service: FakeService
) -> None:
    service.mischief = lambda _request, _serve: httpx.Response(200, text="data: x\n\n")
    with pytest.raises(UnexpectedAnswerError, match="no stream"):
        list(ann.stream())


def test_a_silent_connection_is_noticed(ann: MessagingClient, service: FakeService) -> None:
    service.mischief = Streaming(1, each=1, failure=None)
    list(ann.stream(idle_s=12.0))
    assert service.asked(_PATH)[0].extensions["timeout"]["read"] == 12.0
