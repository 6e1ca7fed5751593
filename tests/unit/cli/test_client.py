"""The client tries again what an outage or a rate limit held up, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from cli.demo import client as clients
from cli.demo.client import ApiError, Client, Request, Troubles
from cli.demo.errors import DemoError
from tests.unit.cli.conftest import Clock
from tests.unit.cli.fake_service import problem

_REQUEST = Request(method="POST", path="/there", json={"a": 1})


class _Script:
    """Answers with one item after the other, the last of them for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)


Make = Callable[..., tuple[Client, _Script]]


@pytest.fixture
def make(clock: Clock) -> Make:
    def made(*answers: httpx.Response | Exception) -> tuple[Client, _Script]:
        script = _Script(*answers)
        http = httpx.Client(transport=httpx.MockTransport(script), base_url="http://fake")
        return Client(http, troubles=Troubles(), pause=clock.pause, clock=clock), script

    return made


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.ReadTimeout("slow"),
        problem(500, "internal-server-error"),
        httpx.Response(502, text="<html>"),
        problem(503, "service-unavailable"),
    ],
)
def test_an_outage_is_waited_out(make: Make, failure: httpx.Response | Exception) -> None:
    client, script = make(failure, failure, httpx.Response(200))
    assert client.send(_REQUEST).status_code == 200
    assert script.asked == 3
    assert client.troubles.retries == 2


def test_an_outage_of_over_two_minutes_is_waited_out(make: Make, clock: Clock) -> None:
    client, script = make(httpx.ConnectError("refused"))
    began = clock.now

    def back_after_two_minutes(seconds: float) -> None:
        clock.pause(seconds)
        if clock.now > began + 130:
            script.answers = [httpx.Response(200)]

    client._pause = back_after_two_minutes
    assert client.send(_REQUEST).status_code == 200


def test_an_outage_that_does_not_end_is_given_up(make: Make, clock: Clock) -> None:
    client, _ = make(httpx.ConnectError("refused"))
    began = clock.now
    with pytest.raises(DemoError, match="failed for 180 s: refused"):
        client.send(_REQUEST)
    assert clock.now - began < 200


def test_retry_after_is_obeyed(make: Make, clock: Clock) -> None:
    client, _ = make(problem(503, "queue-full", **{"Retry-After": "7"}), httpx.Response(202))
    began = clock.now
    client.send(_REQUEST)
    assert clock.now >= began + 7


def test_a_rate_limit_is_waited_for_as_long_as_it_takes(make: Make, clock: Clock) -> None:
    limited = problem(429, "too-many-requests", **{"Retry-After": "1"})
    client, script = make(*[limited] * 500, httpx.Response(200))
    began = clock.now
    client.send(_REQUEST)
    assert script.asked == 501
    assert clock.now - began > clients.PATIENCE_S
    assert client.troubles.limited == 500
    assert client.troubles.retries == 0


def test_a_lock_of_many_minutes_is_not_waited_for(make: Make) -> None:
    client, script = make(problem(429, "too-many-failures", **{"Retry-After": "900"}))
    with pytest.raises(ApiError, match="too-many-failures"):
        client.send(_REQUEST)
    assert script.asked == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404, 409, 422])
def test_a_refusal_is_final(make: Make, status: int) -> None:
    client, script = make(problem(status, "some-problem"))
    with pytest.raises(ApiError) as caught:
        client.send(_REQUEST)
    assert script.asked == 1
    assert (caught.value.status, caught.value.slug) == (status, "some-problem")
    assert not caught.value.tried_before


def test_a_refusal_after_an_outage_says_so(make: Make) -> None:
    client, _ = make(httpx.ReadError("reset"), problem(409, "username-taken"))
    with pytest.raises(ApiError) as caught:
        client.send(_REQUEST)
    assert caught.value.tried_before


def test_a_503_that_was_asked_for_is_an_answer(make: Make) -> None:
    client, script = make(problem(503, "not-yet-visible"))
    request = Request(method="GET", path="/there", refusals=frozenset({"not-yet-visible"}))
    with pytest.raises(ApiError):
        client.send(request)
    assert script.asked == 1


def test_an_outage_is_told_and_its_end_too(clock: Clock) -> None:
    told: list[str] = []
    script = _Script(httpx.ConnectError("refused"), httpx.Response(200))
    with httpx.Client(transport=httpx.MockTransport(script), base_url="http://fake") as http:
        Client(http, troubles=Troubles(tell=told.append), pause=clock.pause).send(_REQUEST)
    assert told == ["refused", ""]


def test_the_http_client_keeps_no_cookies() -> None:
    with clients.connect("http://fake", trust_environment=False) as http:
        request = httpx.Request("GET", "http://fake/")
        answer = httpx.Response(200, headers={"Set-Cookie": "a=b; Path=/"}, request=request)
        http.cookies.extract_cookies(answer)
        assert not list(http.cookies.jar)
