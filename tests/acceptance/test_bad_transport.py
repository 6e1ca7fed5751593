"""Requests that no client should send, byte by byte, and clients that never end."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.acceptance.people import Person
from tests.acceptance.refusals import connect, say
from tests.running_stack import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("without_effect")]
People = tuple[Person, Person, Person]
# Far beyond any limit of a service, and sent for as long as the connection stands.
CHUNK = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
BAD, NO_METHOD = (400, "bad-request"), (405, "method-not-allowed")
NOT_KNOWN = (501, "not-implemented")
HEADERS_TOO_LARGE = (431, "request-header-fields-too-large")


class Post:
    """A message that would be sent, were its framing right."""

    def __init__(self, people: People) -> None:
        alice, bob, _ = people
        self.body = json.dumps({"to": bob.username, "body": "Not sent"}).encode()
        self.chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.body), self.body)
        self.head = (
            b"POST /command/v1/messages HTTP/1.1\r\nHost: localhost\r\n"
            b"Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
        ) % alice.access_token.encode()

    def framed(self, framing: bytes) -> bytes:
        """Return the request with these header lines, %d in them being the body's length."""
        lines = framing.replace(b"%d", b"%d" % len(self.body))
        body = self.chunked if b"chunked" in lines.lower() else self.body
        return self.head + lines + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def post(people: People) -> Post:
    return Post(people)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"GARBAGE", BAD),
        (b"GET / HTTP/9.9\r\nHost: x", (505, "http-version-not-supported")),
        (b"GET /auth/v1/me HTTP/1.1", BAD),
        (b"GET /auth/v1/me HTTP/1.1\r\nHost: x\r\nHost: x", BAD),
        (b"GET /auth/v1/me HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 65_536, HEADERS_TOO_LARGE),
        (
            b"GET /auth/v1/me HTTP/1.1\r\nHost: x\r\n"
            + b"\r\n".join(b"X%d: %s" % (number, b"y" * 1_024) for number in range(64)),
            HEADERS_TOO_LARGE,
        ),
        (b"GET /" + b"x" * 65_536 + b" HTTP/1.1\r\nHost: x", (414, "uri-too-long")),
        (b"GET /auth/v1/me?x=" + b"x" * 65_536 + b" HTTP/1.1\r\nHost: x", (414, "uri-too-long")),
        (b"TRACE /auth/v1/me HTTP/1.1\r\nHost: x", NO_METHOD),
        (b"BREW /auth/v1/me HTTP/1.1\r\nHost: x", NO_METHOD),
        (b"get /auth/v1/me HTTP/1.1\r\nHost: x", BAD),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_never_reaches_a_service_is_a_problem_as_well(
    stack: RunningStack, head: bytes, told: tuple[int, str]
) -> None:
    say(stack, head + b"\r\nConnection: close\r\n\r\n").problem(*told)


def test_nobody_is_connected_to_somewhere_else(stack: RunningStack) -> None:
    answer = say(stack, b"CONNECT localhost:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    # NGINX knows the method since 1.31.
    told = NO_METHOD if answer.status == NO_METHOD[0] else BAD
    answer.problem(*told)


FRAMINGS = {
    BAD: (
        b"Content-Length: %d\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: %d",
        b"Content-Length: %d\r\nContent-Length: 0",
        b"Content-Length: %d\r\nContent-Length: %d",
        *(b"Content-Length: " + value for value in (b"+%d", b"-1", b"0x10", b"", b"1e2", b"%d;")),
        *(b"Content-Length: " + value for value in (b"%d,%d", b"%d %d", b"9" * 25)),
        b"Content-Length : %d",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding:\r\n chunked",
        b"X: a\r\n b\r\nContent-Length: %d",
        b"X: a\rb\r\nContent-Length: %d",
        b"X: a\0b\r\nContent-Length: %d",
        b"X y: a\r\nContent-Length: %d",
        b"Authorization: Bearer x\r\nContent-Length: %d",
    ),
    NOT_KNOWN: tuple(
        b"Transfer-Encoding: " + value
        for value in (
            *(b"identity", b"xchunked", b"chunked, identity", b"identity, chunked"),
            *(b"chunked;q=1", b"gzip, chunked", b"\x0bchunked", b"chunked, chunked"),
        )
    ),
}


def test_a_body_whose_end_is_not_clear_is_refused_and_its_rest_is_no_request(
    stack: RunningStack, post: Post
) -> None:
    # What could be smuggled: a second answer would break the first one's JSON.
    hidden = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for (status, slug), framings in FRAMINGS.items():
        for framing in framings:
            answer = say(stack, post.framed(framing) + hidden)
            assert (answer.status, framing) == (status, framing)
            answer.problem(status, slug)


def test_two_media_types_are_none(stack: RunningStack, post: Post) -> None:
    twice = b"Content-Type: text/plain\r\nConnection: close\r\nContent-Length: %d"
    say(stack, post.framed(twice)).problem(*BAD)


def test_a_body_that_is_announced_too_large_is_not_waited_for(stack: RunningStack) -> None:
    with closing(http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=30)) as connection:
        connection.putrequest("POST", "/auth/v1/login")
        connection.putheader("Content-Length", "999999")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["type"] == "/problems/content-too-large"


def test_chunks_that_are_none_are_refused(stack: RunningStack, post: Post) -> None:
    head = post.head + b"Transfer-Encoding: chunked\r\n\r\n"
    size = b"%x" % len(post.body)
    for body in (
        *(bad + b"\r\n" + post.body for bad in (b"zz", b"-1", b"0x10", b"f" * 15, b"f" * 17)),
        size + b"\r\n" + post.body + b"X0\r\n\r\n",
    ):
        answer = say(stack, head + body)
        assert answer.status == 400, body
        answer.problem(*BAD)


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
def test_what_cannot_be_parsed_is_a_problem_with_the_requests_id(
    stack: RunningStack, path: bytes, header: bytes
) -> None:
    for service in ("auth", "command", "query"):
        lines = [b"GET /%s/v1/%s HTTP/1.1" % (service.encode(), path), b"Host: x", header]
        lines += [b"X-Request-ID: my-own", b"Connection: close"]
        answer = say(stack, b"\r\n".join(lines) + b"\r\n\r\n")
        assert answer.problem(*BAD)["request_id"] == "my-own"
        assert not any(name.startswith("x-accel") for name in answer.headers)
        assert b"gunicorn" not in answer.body
        assert "geheim" not in (stack.state / f"logs/{service}_api.log").read_text()


@dataclass(frozen=True, kw_only=True)
class Endless:
    """A client that begins a request and goes on with the same piece every `pause` seconds."""

    head: bytes
    piece: bytes = b""
    pause: float = 0.5

    def run(self, stack: RunningStack) -> bytes:
        """Go on until the server closes; return what it said, or fail after a minute."""
        received = b""
        with connect(stack) as connection, suppress(ConnectionError):
            connection.sendall(self.head)
            connection.settimeout(self.pause)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                with suppress(TimeoutError):
                    chunk = connection.recv(65_536)
                    if not chunk:
                        return received
                    received += chunk
                    continue
                with suppress(TimeoutError):
                    connection.sendall(self.piece)
            raise AssertionError("the server never has enough")
        return received


def test_clients_that_never_end_are_let_go_while_others_are_served(
    stack: RunningStack, people: People, post: Post
) -> None:
    chunked = post.head + b"Transfer-Encoding: chunked\r\n\r\n"
    slow = [
        Endless(head=b""),
        Endless(head=b"GET /auth/v1/me HTTP/1.1\r\nHost: x\r\nX: ", piece=b"x"),
        Endless(head=post.head, piece=b"X-Odd: y\r\n"),
        Endless(head=post.head + b"Content-Length: 1000\r\n\r\n" + post.body),
        Endless(head=chunked + b"2000\r\n  "),
    ] * 10
    fast = [
        Endless(head=chunked, piece=CHUNK, pause=0.01),
        Endless(head=chunked.replace(b"/messages", b"/batch"), piece=CHUNK, pause=0.01),
    ]
    with ThreadPoolExecutor(len(slow) + len(fast)) as pool:
        ends = [pool.submit(client.run, stack) for client in (*slow, *fast)]
        while not all(end.done() for end in ends):
            assert people[0].http.get("/query/v1/unread").status_code == 200
            time.sleep(0.1)
    answers = [end.result() for end in ends]
    for answer in answers[: len(slow)]:
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 "), answer
    for answer in answers[len(slow) :]:
        assert answer.startswith(b"HTTP/1.1 413 "), answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "/problems/content-too-large"
