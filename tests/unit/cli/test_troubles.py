"""The demo is patient with an outage, more so with a rate limit, and says what it waits for."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from cli.demo.troubles import PATIENCE_S, Troubles, explained
from messaging_client import (
    MessagingClient,
    MessagingError,
    ProblemError,
    TooManyFailuresError,
)
from tests.fake_service import Clock, FakeService, Handler, problem

Connect = Callable[[], MessagingClient]
_ACCOUNT = ("ann", "ann@example.org", "correct horse")


def _fail(service: FakeService, *failures: httpx.Response | Exception) -> None:
    """Let the service answer with these first, the last of them for ever."""
    left = list(failures)

    def mischief(request: httpx.Request, serve: Handler) -> httpx.Response:
        failure = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(failure, Exception):
            raise failure
        if failure.is_success:
            return serve(request)
        headers = {**failure.headers}
        return httpx.Response(failure.status_code, content=failure.content, headers=headers)

    service.mischief = mischief


def test_an_outage_of_over_two_minutes_is_waited_out(
    connect: Connect, service: FakeService, clock: Clock, troubles: Troubles
) -> None:
    began = clock.now

    def back_after_two_minutes(request: httpx.Request, serve: Handler) -> httpx.Response:
        if clock.now < began + 130:
            raise httpx.ConnectError("refused")
        return serve(request)

    service.mischief = back_after_two_minutes
    assert connect().register(*_ACCOUNT).username == "ann"
    assert troubles.retries > 2
    assert troubles.limited == 0


def test_an_outage_that_does_not_end_is_given_up(
    connect: Connect, service: FakeService, clock: Clock
) -> None:
    _fail(service, httpx.ConnectError("refused"))
    began = clock.now
    with pytest.raises(MessagingError) as caught:
        connect().register(*_ACCOUNT)
    assert clock.now - began <= PATIENCE_S
    assert str(explained(caught.value)) == (
        "POST /auth/v1/register failed for 180 s: refused."
        " See `messaging status` and `messaging logs`."
    )


def test_a_rate_limit_is_waited_for_as_long_as_it_takes(
    connect: Connect, service: FakeService, clock: Clock, troubles: Troubles
) -> None:
    limited = problem(429, "too-many-requests", **{"Retry-After": "1"})
    _fail(service, *[limited] * 500, httpx.Response(200))
    began = clock.now
    connect().register(*_ACCOUNT)
    assert clock.now - began > PATIENCE_S
    assert (troubles.limited, troubles.retries) == (500, 0)


def test_a_lock_of_many_minutes_is_not_waited_for(connect: Connect, service: FakeService) -> None:
    _fail(service, problem(429, "too-many-failures", **{"Retry-After": "900"}))
    with pytest.raises(TooManyFailuresError) as caught:
        connect().login("ann", "correct horse")
    assert service.count("/auth/v1/login") == 1
    assert str(explained(caught.value)) == "POST /auth/v1/login: 429 too-many-failures!"


def test_a_refusal_is_said_as_it_is(connect: Connect, service: FakeService) -> None:
    _fail(service, problem(422, "invalid-fields"))
    with pytest.raises(ProblemError) as caught:
        connect().register(*_ACCOUNT)
    assert str(explained(caught.value)) == "POST /auth/v1/register: 422 invalid-fields!"


def test_an_outage_is_told_and_its_end_too(
    connect: Connect, service: FakeService, troubles: Troubles
) -> None:
    told: list[str] = []
    troubles.tell = told.append
    _fail(service, httpx.ConnectError("refused"), httpx.Response(200))
    connect().register(*_ACCOUNT)
    assert told == ["refused", ""]


def test_a_rate_limit_is_not_told(
    connect: Connect, service: FakeService, troubles: Troubles
) -> None:
    told: list[str] = []
    troubles.tell = told.append
    _fail(service, problem(429, "too-many-requests"), httpx.Response(200))
    connect().register(*_ACCOUNT)
    assert told == []
