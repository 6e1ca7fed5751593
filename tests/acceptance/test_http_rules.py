"""The rules of HTTP that hold for all three services, as a client meets them through NGINX."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack

SERVICES = ("auth", "command", "query")
# A path of each service that takes POST, and one that takes GET alone.
POSTS = ("/auth/v1/register", "/auth/v1/login", "/command/v1/messages")
GETS = ("/auth/v1/me", "/query/v1/conversations", "/query/v1/unread")
MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


@pytest.fixture(scope="module")
def http(stack: RunningStack) -> Iterator[httpx.Client]:
    """A client that is logged in."""
    name = f"rules-{secrets.token_hex(6)}"
    account = {"username": name, "password": "correct horse battery"}
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        client.post("/auth/v1/register", json={**account, "email": f"{name}@example.org"})
        token = client.post("/auth/v1/login", json=account).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that `answer` is a whole problem that is explained somewhere, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_list("Cache-Control") == ["no-store"]
    assert answer.headers["Server"] == "nginx"
    members: dict[str, Any] = answer.json()
    assert set(members) - {"errors"} == MEMBERS
    assert members["status"] == status
    assert [members["request_id"]] == answer.headers.get_list("X-Request-ID")
    return members


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"username": "a", "username": "b"}', 400),
        (b'{"username": NaN}', 400),
        (b'{"username": "\xff"}', 400),
        (b"[" * 10_000, 400),
        (b'{"a": ' + b"9" * 10_000 + b"}", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"{}", 422),
        (b'{"username": "a\\u0000", "to": "a\\u0000"}', 422),
        (b'{"username": "\\ud800", "to": "\\udfff"}', 422),
        (b'{"username": 1, "to": 1}', 422),
        (b'{"nobody-knows-this": 1}', 422),
        (b'{"\\u0000": 1}', 422),
        (b" " * (128 * 1024 + 1), 413),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_body_is_a_named_problem(
    http: httpx.Client, path: str, body: bytes, status: int
) -> None:
    answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
    members = problem(answer, status)
    if status == 422 and body.startswith(b"{"):
        assert members["errors"]


@pytest.mark.parametrize("path", POSTS)
def test_a_body_in_chunks_is_limited_too(http: httpx.Client, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 8_192

    answer = http.post(path, content=chunks(), headers={"Content-Type": "application/json"})
    problem(answer, 413)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/json; charset=utf-16", ""]
)
def test_another_content_type_is_415(http: httpx.Client, path: str, content_type: str) -> None:
    problem(http.post(path, content=b"{}", headers={"Content-Type": content_type}), 415)


@pytest.mark.parametrize("path", GETS)
def test_a_wrong_method_is_405_and_names_the_right_ones(http: httpx.Client, path: str) -> None:
    allowed = {"GET", "DELETE"} if path == "/auth/v1/me" else {"GET"}
    for method in {"POST", "PUT", "PATCH", "DELETE"} - allowed:
        answer = http.request(method, path)
        problem(answer, 405)
        assert allowed <= {one.strip() for one in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize("path", GETS)
def test_nothing_acceptable_is_406(http: httpx.Client, path: str) -> None:
    problem(http.get(path, headers={"Accept": "text/html"}), 406)
    assert http.get(path, headers={"Accept": "text/html, */*;q=0.1"}).status_code == 200


@pytest.mark.parametrize("path", GETS)
def test_an_unknown_query_parameter_is_422(http: httpx.Client, path: str) -> None:
    assert set(problem(http.get(path, params={"x": "1"}), 422)["errors"]) == {"x"}


@pytest.mark.parametrize("path", GETS)
def test_a_query_that_is_no_utf_8_is_400(http: httpx.Client, path: str) -> None:
    problem(http.get(f"{path}?limit=%ff"), 400)


def test_a_path_may_hold_spaces_and_any_script_once_encoded(http: httpx.Client) -> None:
    assert problem(http.get("/query/v1/conversations/a%20%C2%B5/messages"), 404)


@pytest.mark.parametrize("path", ["/nowhere", *(f"/{service}/v1/nowhere" for service in SERVICES)])
def test_an_unknown_path_is_404(http: httpx.Client, path: str) -> None:
    assert problem(http.get(path), 404)["instance"] == path
    with httpx.Client(base_url=http.base_url) as stranger:
        problem(stranger.get(path), 404)


@pytest.mark.parametrize("path", [*GETS, "/command/v1/messages", "/auth/v1/logout"])
@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, "Bearer"),
        ("Basic YTpi", "Bearer"),
        ("Bearer x", 'Bearer error="invalid_token"'),
        ("Bearer", 'Bearer error="invalid_token"'),
    ],
)
def test_without_a_good_token_the_answer_is_a_challenge(
    stack: RunningStack, path: str, authorization: str | None, challenge: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    method = "GET" if path in GETS else "POST"
    answer = httpx.request(method, stack.url + path, headers=headers)
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].split(", error_description")[0] == challenge


@pytest.mark.parametrize("service", SERVICES)
def test_a_request_id_is_kept_or_replaced(http: httpx.Client, service: str) -> None:
    path = f"/{service}/v1/healthz"
    kept = http.get(path, headers={"X-Request-ID": "My.id_1-x"})
    assert kept.headers.get_list("X-Request-ID") == ["My.id_1-x"]
    for bad in ("a b", "x" * 129, "a,b", '"'):
        answer = http.get(path, headers={"X-Request-ID": bad})
        (given,) = answer.headers.get_list("X-Request-ID")
        assert given != bad
        assert given.isascii()


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_documents_itself(http: httpx.Client, service: str) -> None:
    document = http.get(f"/{service}/v1/openapi.json")
    assert document.status_code == 200
    assert document.json()["openapi"].startswith("3.1")
    page = http.get(f"/{service}/v1/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    script = http.get(f"/{service}/v1/docs/swagger-ui-bundle.js")
    assert script.status_code == 200
    assert script.headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_says_how_it_is(http: httpx.Client, service: str) -> None:
    assert http.get(f"/{service}/v1/healthz").json() == {"status": "ok"}
    ready = http.get(f"/{service}/v1/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert {part["status"] for part in ready.json()["parts"].values()} == {"ready"}


def test_the_whole_system_says_how_it_is(http: httpx.Client) -> None:
    ready = http.get("/readyz").json()
    assert ready["status"] == "ready"
    assert {"auth_api", "command_api", "pgpool", "primary", "redis", "replica", "workers"} <= set(
        ready["parts"]
    )
    assert http.get("/healthz").json() == {"status": "ok"}


def test_every_problem_that_a_service_documents_is_explained(http: httpx.Client) -> None:
    documents = [http.get(f"/{service}/v1/openapi.json").text for service in SERVICES]
    types = {
        part.split('"')[0] for document in documents for part in document.split('"/problems/')[1:]
    }
    assert len(types) > 15
    for slug in types:
        page = http.get(f"/problems/{slug}")
        assert page.status_code == 200, slug
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    problem(http.get("/problems/no-such-problem"), 404)


def test_head_and_options_are_answered(http: httpx.Client) -> None:
    for path in GETS:
        head = http.head(path)
        assert head.status_code == 200
        assert head.content == b""
        options = http.options(path)
        assert options.status_code == 204
        assert "GET" in options.headers["Allow"]


def raw(stack: RunningStack, request: bytes) -> tuple[int, dict[str, Any]]:
    """Send bytes as they are; return the status and the problem that answers them."""
    head, _, body = _exchange(stack, request).partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


def _exchange(stack: RunningStack, request: bytes) -> bytes:
    address = urlsplit(stack.url)
    with socket.create_connection((address.hostname or "", address.port or 80), 10) as connection:
        connection.sendall(request)
        received = b""
        # A server that does not read the rest of a body resets the connection after its answer.
        with suppress(ConnectionResetError):
            while chunk := connection.recv(65_536):
                received += chunk
    return received


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        (b"GARBAGE", b"", 400),
        (b"GET / HTTP/9.9", b"Host: x\r\n", 505),
        (b"GET /auth/v1/me HTTP/1.1", b"", 400),
        (b"GET /auth/v1/me HTTP/1.1", b"Host: x\r\nX: " + b"y" * 65_536 + b"\r\n", 431),
        (b"GET /" + b"x" * 65_536 + b" HTTP/1.1", b"Host: x\r\n", 414),
        (b"TRACE /auth/v1/me HTTP/1.1", b"Host: x\r\n", 405),
        (b"BREW /auth/v1/me HTTP/1.1", b"Host: x\r\n", 405),
        (b"POST /auth/v1/login HTTP/1.1", b"Host: x\r\nContent-Length: 999999\r\n", 413),
        (b"POST /auth/v1/login HTTP/1.1", b"Host: x\r\nTransfer-Encoding: rot13\r\n", 501),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_never_reaches_a_service_is_a_problem_as_well(
    stack: RunningStack, request_line: bytes, headers: bytes, status: int
) -> None:
    request = request_line + b"\r\n" + headers + b"Connection: close\r\n\r\n"
    answered, members = raw(stack, request)
    assert answered == status
    assert set(members) == MEMBERS
    assert members["status"] == status


@pytest.mark.parametrize(
    ("path", "header"),
    [
        (b"unread", b"X-Odd: a\x01b"),
        (b"unread", b"X-Odd: a\x7fb"),
        (b"unread", b"Authorization: Bearer \x02geheim"),
        (b"\xff", b"X-Odd: a"),
        (b"unread?q=\xc3\xa9", b"X-Odd: a"),
        (b"\xe4\xbd\xa0", b"X-Odd: a"),
    ],
)
@pytest.mark.parametrize("service", SERVICES)
def test_what_cannot_be_parsed_is_a_problem_with_the_requests_id(
    stack: RunningStack, service: str, path: bytes, header: bytes
) -> None:
    lines = [b"GET /%s/v1/%s HTTP/1.1" % (service.encode(), path), b"Host: x", header]
    lines += [b"X-Request-ID: my-own", b"Connection: close"]
    answer = _exchange(stack, b"\r\n".join(lines) + b"\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert head.count(b"Content-Type: application/problem+json") == 1
    assert head.count(b"X-Request-ID: my-own") == 1
    assert b"X-Accel" not in head
    assert b"gunicorn" not in answer
    told = json.loads(body)
    assert set(told) == MEMBERS
    assert told["request_id"] == "my-own"
    assert told["status"] == 400
    assert "geheim" not in (stack.state / f"logs/{service}_api.log").read_text()
