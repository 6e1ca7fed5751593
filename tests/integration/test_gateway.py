"""NGINX alone: what it says by itself and what it passes on."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.documents import SERVICES, app
from tests.gateway import Gateway, running_gateway
from tests.running_stack import wait_until
from web.catalogue import CATALOGUE

_SECURITY = (
    *("x-request-id", "x-content-type-options", "referrer-policy", "content-security-policy"),
    *("cross-origin-opener-policy", "cross-origin-resource-policy"),
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway({"MESSAGING_AUTH_RATE": "1", "MESSAGING_AUTH_BURST": "20"}) as started:
        yield started


_VARIABLE = re.compile("<[^>]+>")
_HOSTILE = "/x%22y\"z\\<script>'{}$uri\x80\xff%00"
_TO = "HTTP/1.1\r\nHost: x\r\n"
_ERRORS = [
    ("GET /nowhere HTTP/1.1\r\nHost: x\r\n", 404, "not-found"),
    ("GET / HTTP/1.1\r\n", 400, "bad-request"),
    ("GET /a b HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    ("GET /%00 HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    ("GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    ("nonsense\r\n", 400, "bad-request"),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n", 400, "bad-request"),
    ("GET / HTTP/9.9\r\nHost: x\r\n", 505, "http-version-not-supported"),
    ("TRACE / HTTP/1.1\r\nHost: x\r\n", 405, "method-not-allowed"),
    ("FOO /command/v1/messages HTTP/1.1\r\nHost: x\r\n", 405, "method-not-allowed"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n", 405, "method-not-allowed"),
    ("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n", 405, "method-not-allowed"),
    (f"POST /auth/v1/x {_TO}Content-Length: 131073\r\n", 413, "content-too-large"),
    (f"POST /command/v1/batch {_TO}Content-Length: 1048577\r\n", 413, "content-too-large"),
    (f"GET /{'a' * 9000} HTTP/1.1\r\nHost: x\r\n", 414, "uri-too-long"),
    (f"GET / HTTP/1.1\r\nHost: x\r\nA: {'a' * 9000}\r\n", 431, "request-header-fields-too-large"),
    ("POST /auth/v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n", 501, "not-implemented"),
    ('GET /site.css HTTP/1.1\r\nHost: x\r\nIf-Match: "x"\r\n', 412, "precondition-failed"),
    ("GET /query/v1/unread HTTP/1.1\r\nHost: x\r\n", 503, "service-unavailable"),
    ("GET /readyz HTTP/1.1\r\nHost: x\r\n", 503, "service-unavailable"),
    ("GET /problems/not-found HTTP/1.1\r\nHost: x\r\n", 503, "service-unavailable"),
    ("GET /flower/ HTTP/1.1\r\nHost: x\r\n", 503, "service-unavailable"),
    (f"POST /command/v1/messages {_TO}Content-Length: 0\r\n", 503, "service-unavailable"),
    ("GET /query/v1/\xff HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    ("GET /query/v1/x?q=\xc3\xa9 HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    ("GET /auth/v1/\xc3\xa9/docs HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    ("GET /-/problem/../../auth/v1/\xff HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    ("GET /-/problem/400 HTTP/1.1\r\nHost: x\r\n", 404, "not-found"),
    (f"GET {_HOSTILE} HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    (f"GET {_HOSTILE[:-3]} HTTP/1.1\r\nHost: x\r\n", 400, "bad-request"),
    (f"GET {_HOSTILE[:-5]} HTTP/1.1\r\nHost: x\r\n", 404, "not-found"),
]  # fmt: skip


@pytest.mark.parametrize(("request_head", "status", "slug"), _ERRORS)
def test_every_error_of_its_own_is_a_problem(
    gateway: Gateway, request_head: str, status: int, slug: str
) -> None:
    got, headers, body = gateway.say((request_head + "Connection: close\r\n\r\n").encode("latin-1"))
    problem = json.loads(body)
    assert got == status
    assert headers["content-type"] == ["application/problem+json"]
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{slug}"
    assert slug in CATALOGUE
    assert set(problem) == {"type", "title", "status", "detail", "instance", "request_id"}
    assert problem["instance"].startswith("/")
    assert headers["x-request-id"] == [problem["request_id"]]
    assert headers["server"] == ["nginx"]
    for name in _SECURITY:
        assert len(headers[name]) == 1, name
    assert ("retry-after" in headers) == (status in {429, 503})
    assert ("allow" in headers) == (status == 405)


def test_a_method_that_nobody_knows_is_told_those_that_the_route_knows(gateway: Gateway) -> None:
    known: dict[str, set[str]] = {"/": {"GET", "HEAD"}, "/healthz": {"GET", "HEAD"}}
    for service in SERVICES:
        for rule in app(service).url_map.iter_rules():
            if rule.rule == "/metrics":
                continue  # On each service's own port alone.
            path = _VARIABLE.sub("any%20thing", rule.rule)
            known.setdefault(path, set()).update(rule.methods or ())
    assert {"/command/v1/messages", "/query/v1/stream", "/auth/v1/sessions/any%20thing"} <= {*known}
    for path, methods in known.items():
        for method, address in (("FOO", path), ("TRACE", f"{path}?x=/y")):
            raw = f"{method} {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            status, headers, _ = gateway.say(raw.encode())
            assert status == 405, address
            assert headers["allow"] == [", ".join(sorted(methods))], address


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-DEF_1.2", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("a b", False),
        ('a"b', False),
        ("ü", False),
        ("", False),
    ],
)
def test_a_well_formed_request_id_is_kept_any_other_replaced(
    gateway: Gateway, sent: str, *, kept: bool
) -> None:
    _, headers, body = gateway.get("/auth/v1/docs", f"X-Request-ID: {sent}")
    (answered,) = headers["x-request-id"]
    passed_on = [v for k, v in json.loads(body)["headers"] if k.lower() == "x-request-id"]
    assert passed_on == [answered]
    assert (answered == sent) == kept
    assert answered.isascii()
    assert answered


@pytest.mark.parametrize("path", ["/auth/v1/a%20b/docs", "/auth/v1/%C3%A9", "/auth/v1/x?q=a%20b"])
def test_what_is_percent_encoded_is_passed_on_as_it_came(gateway: Gateway, path: str) -> None:
    status, _, body = gateway.get(path)
    assert (status, json.loads(body)["path"]) == (200, path)


def test_two_request_ids_are_none(gateway: Gateway) -> None:
    _, headers, _ = gateway.get("/auth/v1/docs", "X-Request-ID: one", "X-Request-ID: two")
    assert len(headers["x-request-id"]) == 1
    assert headers["x-request-id"][0] not in {"one", "two", "one, two"}


def test_headers_of_a_service_are_not_doubled(gateway: Gateway) -> None:
    _, headers, _ = gateway.get("/auth/v1/docs")
    for name in (*_SECURITY, "cache-control", "server"):
        assert len(headers[name]) == 1, name
    assert headers["content-security-policy"] == ["default-src 'self'"]
    assert headers["cache-control"] == ["private, no-cache"]


def test_a_client_cannot_claim_another_address(gateway: Gateway) -> None:
    forged = ("X-Forwarded-For: 9.9.9.9", "Forwarded: for=9.9.9.9", "X-Real-IP: 9.9.9.9")
    _, _, body = gateway.get("/auth/v1/docs", *forged, "X-Forwarded-Proto: https")
    told = json.loads(body)["headers"]
    assert [v for k, v in told if k.lower() == "x-forwarded-for"] == ["127.0.0.1"]
    assert [v for k, v in told if k.lower() == "x-forwarded-proto"] == ["http"]
    assert "9.9.9.9" not in json.dumps(told)


def test_bodies_up_to_the_limit_pass(gateway: Gateway) -> None:
    answer = httpx.post(f"{gateway.url}/auth/v1/docs", content=b"x" * 131_072)
    assert answer.json()["bytes"] == 131_072
    chunked = httpx.post(f"{gateway.url}/auth/v1/docs", content=iter([b"x" * 65_536] * 3))
    assert chunked.status_code == 413
    # Larger ones pass the gateway for batches alone: there the service is dead.
    assert (
        httpx.post(f"{gateway.url}/command/v1/batch", content=b"x" * 1_048_576).status_code == 503
    )


def test_a_batch_that_concerns_every_partition_is_answered() -> None:
    with running_gateway({}, alive=["command_api"]) as gateway:
        # 500 tokens of 100 characters and a comma each.
        answer = httpx.post(f"{gateway.url}/command/v1/batch", headers={"X-Long-Answer": "50499"})
    assert answer.status_code == 200
    assert len(answer.headers["Consistency-Token"]) == 50_499


def test_too_many_auth_requests_are_refused_with_the_time_to_wait(gateway: Gateway) -> None:
    # By bare sockets, and so faster than the rate.
    raw = (
        b"POST /auth/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    answers = [gateway.say(raw) for _ in range(100)]
    refused = [(headers, body) for status, headers, body in answers if status == 429]
    assert answers[0][0] == 200
    assert len(refused) >= 10
    headers, body = refused[0]
    assert json.loads(body)["type"] == "/problems/too-many-requests"
    assert headers["retry-after"] == ["1"]
    for free in (".well-known/jwks.json", "openapi.json", "docs", "docs/a.js", "healthz", "readyz"):
        assert httpx.get(f"{gateway.url}/auth/v1/{free}").status_code == 200, free


def test_an_address_has_its_share_of_streams_and_none_of_anything_else() -> None:
    settings = {"MESSAGING_STREAM_ADDRESS_LIMIT": "2"}
    with (
        running_gateway(settings, alive=["query_stream", "query_api"]) as gateway,
        ExitStack() as held,
    ):

        def is_refused() -> bool:
            return gateway.get("/query/v1/stream")[0] == 429

        answers = []

        def is_refused_by_another_name() -> bool:
            # A request whose body is yet to come is under way. One more at each try, since one that
            # came while the last try was under way may have been refused itself.
            to = held.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            to.sendall(b"POST /query/v1/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            answers.append(gateway.get("/query//v1/%73tream?x=1"))
            return answers[-1][0] == 429

        assert not is_refused()
        wait_until(is_refused_by_another_name)
        status, headers, body = answers[-1]
        problem = json.loads(body)
        assert (status, problem["status"]) == (429, 429)
        assert problem["type"] == "/problems/too-many-streams"
        assert headers["content-type"] == ["application/problem+json"]
        assert headers["x-request-id"] == [problem["request_id"]]
        assert headers["retry-after"] == ["1"]
        assert gateway.get("/query/v1/unread")[0] == 200
        held.close()
        wait_until(lambda: not is_refused())


def test_a_services_own_retry_after_stays(gateway: Gateway) -> None:
    status, headers, _ = gateway.get("/auth/v1/docs/limited")
    assert status == 429
    assert headers["retry-after"] == ["77"]


def test_its_own_health_and_start_page(gateway: Gateway) -> None:
    assert httpx.get(f"{gateway.url}/healthz").json() == {"status": "ok"}
    page = httpx.get(f"{gateway.url}/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    for named in ("/auth/v1", "/command/v1", "/query/v1", "Flower", "pgAdmin", "messaging"):
        assert named in page.text
    style = httpx.get(f"{gateway.url}/site.css")
    assert style.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    "path",
    [
        "/flower/metrics",
        "/flower/healthcheck",
        "/flower//metrics",
        "/flower/./metrics",
        "/flower/x/../metrics",
        "/flower/%6detrics",
        "/flower%2fmetrics",
        "/flower/metrics/",
        "/flower/metrics?x=1",
        "/flower/METRICS",
        "/flower/metrics%3f",
        "//flower/metrics",
        "/x/%2e%2e/flower/metrics",
    ],
)
def test_the_open_doors_of_flower_are_closed(gateway: Gateway, path: str) -> None:
    status, _, _ = gateway.get(path)
    assert status == 404  # 503 would mean that it was passed on.


def test_the_log_is_json_whatever_the_client_sends(gateway: Gateway) -> None:
    gateway.get('/nowhere"\\\x01?secret=geheim', "Authorization: Bearer geheim", 'User-Agent: "\\')
    gateway.get("/end-of-test")
    deadline = time.monotonic() + 10
    while b"end-of-test" not in gateway.log.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    lines = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    assert {"time", "request_id", "client", "method", "path", "status"} <= set(lines[0])
    assert "geheim" not in gateway.log.read_text()


def test_what_somebody_searches_for_stays_out_of_the_logs_even_where_a_service_is_dead(
    gateway: Gateway,
) -> None:
    status, _, _ = gateway.get("/query/v1/search?q=geheim")
    assert status == 503
    limited = [gateway.get("/auth/v1/login?q=geheim")[0] for _ in range(40)]
    assert 429 in limited
    too_large = gateway.say(
        b"POST /auth/v1/x?q=geheim HTTP/1.1\r\nHost: x\r\nContent-Length: 131073\r\n\r\n"
    )
    assert too_large[0] == 413
    assert b"geheim" not in gateway.errors.read_bytes()
