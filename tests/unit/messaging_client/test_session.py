"""The session stays open by itself, is renewed once however many ask, and shows no secret."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from messaging_client import (
    LoginFailedError,
    MessagingClient,
    NotLoggedInError,
    PasswordWrongError,
    ServiceUnavailableError,
    SessionRevokedError,
    UnauthorizedError,
    UnexpectedAnswerError,
    http_client,
)
from tests.fake_service import Clock, FakeService, Handler, problem
from tests.unit.messaging_client.conftest import Connect

pytestmark = pytest.mark.unit
_THREADS = 8
_RENEW = "/auth/v1/token"


def test_without_a_login_nothing_is_sent(connect: Connect, service: FakeService) -> None:
    client = connect()
    assert not client.is_logged_in
    with pytest.raises(NotLoggedInError):
        client.unread()
    assert service.requests == []


def test_a_wrong_password_is_told(ann: MessagingClient) -> None:
    with pytest.raises(LoginFailedError):
        ann.login("ann", "wrong")


def test_the_token_is_renewed_before_it_ends(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    clock.now += 239
    ann.unread()
    assert service.count(_RENEW) == 0
    clock.now += 2
    ann.unread()
    assert service.count(_RENEW) == 1
    request = service.asked(_RENEW)[0]
    assert "X-CSRF-TOKEN" in request.headers
    assert "Authorization" not in request.headers
    assert service.logins == 1


def test_each_renewal_uses_the_cookie_of_the_last(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    for _ in range(3):
        clock.now += 300
        ann.unread()
    cookies = [request.headers["Cookie"] for request in service.asked(_RENEW)]
    assert len(set(cookies)) == 3


def test_a_refused_token_is_renewed_once_and_the_request_repeated(
    ann: MessagingClient, service: FakeService
) -> None:
    service.expire_all_tokens()
    assert ann.unread().total == 0
    assert [request.url.path for request in service.requests] == [
        "/query/v1/unread",
        _RENEW,
        "/query/v1/unread",
    ]


def test_what_is_refused_twice_is_an_error(ann: MessagingClient, service: FakeService) -> None:
    def refuse(request: httpx.Request, serve: Handler) -> httpx.Response:
        return serve(request) if request.url.path == _RENEW else problem(401, "token-invalid")

    service.mischief = refuse
    with pytest.raises(UnauthorizedError, match="token-invalid"):
        ann.unread()
    assert service.count("/query/v1/unread") == 2


def test_eight_threads_with_a_refused_token_renew_it_once(
    ann: MessagingClient, connect: Connect, service: FakeService
) -> None:
    together = threading.Barrier(_THREADS)
    service.expire_all_tokens()
    inner = service.transport
    first = threading.local()

    def handle(request: httpx.Request) -> httpx.Response:
        answer = inner.handle_request(request)
        if request.url.path == "/query/v1/unread" and not getattr(first, "is_over", False):
            first.is_over = True
            # All have been refused before the first of them renews.
            together.wait(10)
        return answer

    ann._http._transport = httpx.MockTransport(handle)
    with ThreadPoolExecutor(_THREADS) as pool:
        answers = list(pool.map(lambda _: ann.unread().total, range(_THREADS)))
    assert answers == [0] * _THREADS
    assert service.count("/query/v1/unread") == 2 * _THREADS
    assert service.count(_RENEW) == 1


def test_while_one_thread_renews_the_others_use_what_is_still_good(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    clock.now += 250
    renewing, go_on = threading.Event(), threading.Event()
    inner = service.transport

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == _RENEW:
            renewing.set()
            assert go_on.wait(10)
        return inner.handle_request(request)

    ann._http._transport = httpx.MockTransport(handle)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ann.unread)
        assert renewing.wait(10)
        assert ann.unread().total == 0
        assert not slow.done()
        go_on.set()
        assert slow.result(10).total == 0
    assert service.count(_RENEW) == 1


def test_a_failed_renewal_is_no_error_while_the_token_is_good(
    ann: MessagingClient, connect: Connect, service: FakeService, clock: Clock
) -> None:
    def away(request: httpx.Request, serve: Handler) -> httpx.Response:
        return problem(503, "service-unavailable") if request.url.path == _RENEW else serve(request)

    hasty = connect(patience={"outage_s": 5.0})
    hasty.login("ann", "secret of ann")
    service.mischief = away
    clock.now += 241
    assert hasty.unread().total == 0
    assert service.count(_RENEW) > 1
    clock.now += 60
    with pytest.raises(ServiceUnavailableError):
        hasty.unread()


def test_a_lost_answer_to_a_renewal_is_asked_for_again(
    ann: MessagingClient, service: FakeService
) -> None:
    lost: list[httpx.Request] = []

    def lose_one(request: httpx.Request, serve: Handler) -> httpx.Response:
        answer = serve(request)
        if request.url.path == _RENEW and not lost:
            lost.append(request)
            raise httpx.ReadError("reset")
        return answer

    service.expire_all_tokens()
    service.mischief = lose_one
    assert ann.unread().total == 0
    first, second = service.asked(_RENEW)
    assert first.headers["Cookie"] == second.headers["Cookie"]


def test_an_ended_session_is_an_error_each_time(ann: MessagingClient, service: FakeService) -> None:
    service.end_all_sessions()
    for _ in range(2):
        with pytest.raises(SessionRevokedError):
            ann.unread()
    assert service.logins == 1


def test_remembered_credentials_start_another_session(
    ann: MessagingClient, service: FakeService
) -> None:
    ann.login("ann", "secret of ann", remember=True)
    service.end_all_sessions()
    assert ann.unread().total == 0
    assert service.logins == 3


def test_a_changed_password_is_remembered(ann: MessagingClient, service: FakeService) -> None:
    ann.login("ann", "secret of ann", remember=True)
    ann.change_password("secret of ann", "another secret")
    service.passwords["ann"] = "another secret"
    service.end_all_sessions()
    assert ann.unread().total == 0


def test_after_a_logout_nothing_is_known(ann: MessagingClient, service: FakeService) -> None:
    ann.login("ann", "secret of ann", remember=True)
    ann.send_message("ben", "hello")
    ann.logout()
    assert not ann.is_logged_in
    assert len(ann._caller.memory) == 0
    with pytest.raises(NotLoggedInError):
        ann.me()


def test_a_logout_of_an_ended_session_is_no_error(
    ann: MessagingClient, service: FakeService
) -> None:
    service.end_all_sessions()
    ann.logout()
    assert not ann.is_logged_in


def test_a_wrong_current_password_is_no_reason_to_log_in_again(
    ann: MessagingClient, service: FakeService
) -> None:
    service.mischief = lambda _request, _serve: problem(403, "password-wrong")
    with pytest.raises(PasswordWrongError):
        ann.delete_account("wrong")
    assert ann.is_logged_in


def test_an_answer_without_cookies_is_not_understood(connect: Connect) -> None:
    answer = httpx.Response(200, json={"access_token": "a", "expires_in": 300})
    client = connect(transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(UnexpectedAnswerError):
        client.login("ann", "secret")


def test_no_secret_is_shown(ann: MessagingClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "messaging_client")
    ann.login("ann", "secret of ann", remember=True)
    receipt = ann.send_message("ben", "hello")
    session = ann._caller.session
    shown = f"{ann!r} {session._tokens!r} {session._remembered!r} {receipt!r} {caplog.text}"
    for secret in ("secret of", "access-", "refresh-", "csrf-", receipt.consistency_token):
        assert secret not in shown


def test_no_cookie_is_kept_beside_the_session() -> None:
    with http_client("http://fake") as http:
        request = httpx.Request("GET", "http://fake/")
        answer = httpx.Response(200, headers={"Set-Cookie": "a=b; Path=/"}, request=request)
        http.cookies.extract_cookies(answer)
        assert not list(http.cookies.jar)
