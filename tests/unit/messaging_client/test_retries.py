"""What may pass is tried again, patiently and without hurry; nothing is lost or doubled by it."""

from __future__ import annotations

import random

import httpx
import pytest

from messaging_client import (
    NO_RETRIES,
    ConnectionFailedError,
    InvalidFieldsError,
    MessagingClient,
    ProblemError,
    RateLimitedError,
    Retries,
    Retry,
    ServiceUnavailableError,
    SessionRevokedError,
    TooManyFailuresError,
    Trouble,
    UsernameTakenError,
)
from tests.fake_service import Clock, FakeService, Handler, problem
from tests.unit.messaging_client.conftest import Connect

pytestmark = pytest.mark.unit
_PATH = "/command/v1/messages"


class Failing:
    """Fails as told, one after the other, then serves; with `lost` it serves and loses that."""

    def __init__(self, *failures: httpx.Response | Exception, lost: bool = False) -> None:
        self._failures = list(failures)
        self._lost = lost

    def __call__(self, request: httpx.Request, serve: Handler) -> httpx.Response:
        if not self._failures:
            return serve(request)
        if self._lost:
            serve(request)
        failure = self._failures.pop(0)
        if isinstance(failure, Exception):
            raise failure
        return failure


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.ReadTimeout("slow"),
        problem(500, "internal-server-error"),
        httpx.Response(502, text="<html>"),
        problem(503, "queue-unavailable"),
        problem(504, "gateway-timeout"),
        problem(429, "rate-exceeded"),
    ],
)
def test_what_may_pass_is_tried_again_with_the_same_key(
    ann: MessagingClient, service: FakeService, failure: httpx.Response | Exception
) -> None:
    service.mischief = Failing(failure)
    assert not ann.send_message("ben", "hello").replayed
    first, second = service.asked(_PATH)
    for header in ("Idempotency-Key", "X-Request-ID"):
        assert first.headers[header] == second.headers[header]
    assert len(service.conversations["ann", "ben"]) == 1


def test_lost_answers_have_no_second_effect(ann: MessagingClient, service: FakeService) -> None:
    service.mischief = Failing(*[httpx.ReadError("reset")] * 5, lost=True)
    receipt = ann.send_message("ben", "hello")
    assert receipt.replayed
    (message,) = service.conversations["ann", "ben"]
    assert str(receipt.message_id) == message["id"]
    ann.send_message("ben", "hello")
    assert len(service.conversations["ann", "ben"]) == 2


def test_nothing_is_lost_or_doubled_whatever_fails(
    ann: MessagingClient, service: FakeService
) -> None:
    chance = random.Random(3)
    refused: set[str] = set()

    def fail_often(request: httpx.Request, serve: Handler) -> httpx.Response:
        luck = chance.random()
        if luck < 0.2:
            return problem(503, "queue-unavailable", **{"Retry-After": "1"})
        key = request.headers.get("Idempotency-Key", "")
        if luck < 0.3 and key not in refused:
            refused.add(key)
            service.expire_all_tokens()
        answer = serve(request)
        if luck < 0.5:
            raise httpx.ReadError("the answer was lost")
        return answer

    service.mischief = fail_often
    sent = [ann.send_message("ben", str(number)).message_id for number in range(200)]
    stored = service.conversations["ann", "ben"]
    assert [message["id"] for message in stored] == [str(one) for one in sent]
    assert [message["body"] for message in stored] == [str(number) for number in range(200)]


def test_pauses_grow_to_their_limit(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    service.mischief = Failing(*[httpx.ConnectError("refused")] * 8)
    ann.send_message("ben", "hello")
    assert clock.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_pauses_are_chosen_from_the_whole_span(connect: Connect, service: FakeService) -> None:
    spans: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        spans.append((low, high))
        return low

    service.mischief = Failing(*[httpx.ConnectError("refused")] * 2)
    connect(patience={"uniform": uniform}).register("ann", "ann@example.org", "secret")
    assert spans == [(0.0, 0.1), (0.0, 0.2)]


@pytest.mark.parametrize(
    "failure",
    [
        problem(503, "queue-full", **{"Retry-After": "7"}),
        problem(429, "rate-exceeded", **{"Retry-After": "7"}),
    ],
)
def test_retry_after_is_the_least_pause(
    ann: MessagingClient, service: FakeService, clock: Clock, failure: httpx.Response
) -> None:
    service.mischief = Failing(failure)
    ann.send_message("ben", "hello")
    assert clock.pauses == [7.1]


def test_a_longer_retry_after_than_borne_is_an_error_at_once(
    connect: Connect, service: FakeService, clock: Clock
) -> None:
    service.mischief = Failing(problem(429, "too-many-failures", **{"Retry-After": "900"}))
    with pytest.raises(TooManyFailuresError) as caught:
        connect().login("ann", "secret")
    assert (caught.value.retry_after, clock.pauses) == (900.0, [])


def test_an_outage_that_does_not_end_is_given_up_in_time(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    service.mischief = Failing(*[httpx.ConnectError("refused")] * 1_000)
    began = clock.now
    with pytest.raises(ConnectionFailedError, match=r"^POST /command/v1/messages: refused$") as no:
        ann.send_message("ben", "hello")
    assert 50 < clock.now - began <= 60
    assert no.value.request_id == service.requests[0].headers["X-Request-ID"]
    assert isinstance(no.value.__cause__, httpx.ConnectError)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (problem(503, "queue-full"), ServiceUnavailableError),
        (problem(429, "rate-exceeded"), RateLimitedError),
    ],
)
def test_what_does_not_pass_is_told_as_it_is(
    ann: MessagingClient, service: FakeService, failure: httpx.Response, error: type[ProblemError]
) -> None:
    service.mischief = Failing(*[failure] * 1_000)
    with pytest.raises(error) as caught:
        ann.send_message("ben", "hello")
    assert caught.value.request_id.startswith("request-")


def test_a_refusal_is_final(ann: MessagingClient, service: FakeService) -> None:
    service.mischief = Failing(problem(422, "invalid-fields"))
    with pytest.raises(InvalidFieldsError):
        ann.send_message("ben", "")
    assert service.count(_PATH) == 1


@pytest.mark.parametrize("remember", [True, False])
def test_a_deletion_whose_answer_was_lost_is_done(
    connect: Connect, service: FakeService, *, remember: bool
) -> None:
    client = connect()
    client.register("eve", "eve@example.org", "secret")
    client.login("eve", "secret", remember=remember)
    service.mischief = Failing(httpx.ReadError("reset"), lost=True)
    assert client.delete_account("secret") is None
    assert not client.is_logged_in
    assert "eve" not in service.passwords


@pytest.mark.parametrize("remember", [True, False])
def test_an_end_of_all_sessions_whose_answer_was_lost_is_done(
    connect: Connect, service: FakeService, *, remember: bool
) -> None:
    client = connect()
    client.register("eve", "eve@example.org", "secret")
    client.login("eve", "secret", remember=remember)
    service.mischief = Failing(httpx.ReadError("reset"), lost=True)
    client.end_all_sessions()
    assert not client.is_logged_in


def test_a_session_that_had_ended_deletes_nothing(
    ann: MessagingClient, service: FakeService
) -> None:
    service.end_all_sessions()
    with pytest.raises(SessionRevokedError) as caught:
        ann.end_all_sessions()
    assert not caught.value.tried_before
    service.mischief = Failing(httpx.ReadError("reset"))
    with pytest.raises(SessionRevokedError) as caught:
        ann.delete_account("secret of ann")
    assert caught.value.tried_before
    assert "ann" in service.passwords


def test_an_outage_of_the_refresh_is_no_attempt_of_the_call(
    ann: MessagingClient, service: FakeService
) -> None:
    def failing_once(request: httpx.Request, serve: Handler) -> httpx.Response:
        if request.url.path == "/auth/v1/token" and service.count("/auth/v1/token") == 1:
            raise httpx.ReadError("reset")
        return serve(request)

    service.end_all_sessions()
    service.mischief = failing_once
    with pytest.raises(SessionRevokedError) as caught:
        ann.end_all_sessions()
    assert service.count("/auth/v1/token") == 2
    assert not caught.value.tried_before


def test_a_refusal_after_an_outage_says_that_it_may_be_ones_own_doing(
    connect: Connect, service: FakeService
) -> None:
    service.mischief = Failing(httpx.ReadError("reset"), lost=True)
    with pytest.raises(UsernameTakenError) as caught:
        connect().register("ann", "ann@example.org", "secret")
    assert caught.value.tried_before
    with pytest.raises(UsernameTakenError) as caught:
        connect().register("ann", "ann@example.org", "secret")
    assert not caught.value.tried_before


def test_retries_can_be_turned_off(service: FakeService) -> None:
    service.mischief = Failing(httpx.ConnectError("refused"))
    with (
        httpx.Client(transport=service.transport, base_url="http://fake") as http,
        pytest.raises(ConnectionFailedError),
    ):
        MessagingClient("http://fake", http=http, retries=NO_RETRIES).register("a", "b", "c")
    assert len(service.requests) == 1


def test_each_retry_is_told_and_the_end_too(connect: Connect, service: FakeService) -> None:
    told: list[Retry | None] = []
    service.mischief = Failing(
        httpx.ConnectError("refused"), problem(429, "x"), problem(503, "not-yet-visible")
    )
    connect(patience={"on_retry": told.append}).register("ann", "ann@example.org", "secret")
    assert [one and one.trouble for one in told] == [
        Trouble.OUTAGE,
        Trouble.RATE_LIMIT,
        Trouble.NOT_YET_VISIBLE,
        None,
    ]
    assert [one.reason for one in told if one] == ["refused", "429 x!", "503 not-yet-visible!"]


def test_what_the_sleep_raises_ends_the_call(connect: Connect, service: FakeService) -> None:
    def wake(_seconds: float) -> None:
        raise KeyboardInterrupt

    service.mischief = Failing(httpx.ConnectError("refused"))
    with pytest.raises(KeyboardInterrupt):
        connect(patience={"sleep": wake}).register("ann", "ann@example.org", "secret")
    assert len(service.requests) == 1


def test_the_first_pause_may_be_nothing_but_patience_of_none_never_tries_again() -> None:
    retries = Retries(uniform=lambda low, _high: low)
    assert retries.pause_s(1, None) == 0
    assert retries.pause_s(1_000, 3.0) == 3.0


@pytest.mark.parametrize(
    "failure", [httpx.LocalProtocolError("illegal"), httpx.UnsupportedProtocol("no scheme")]
)
def test_what_cannot_be_sent_is_not_tried_again(
    ann: MessagingClient, service: FakeService, failure: Exception
) -> None:
    service.mischief = Failing(failure)
    with pytest.raises(ConnectionFailedError):
        ann.send_message("ben", "hello")
    assert service.count(_PATH) == 1
