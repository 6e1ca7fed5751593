"""What every refusal must look like, and a raw socket for requests that no client would send."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.running_stack import RunningStack

MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


def problem(answer: httpx.Response, status: int, slug: str | None = None) -> dict[str, Any]:
    """Check that `answer` is a whole problem, of the type `slug` where given, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_list("Cache-Control") == ["no-store"]
    assert answer.headers["Server"] == "nginx"
    members: dict[str, Any] = answer.json()
    assert set(members) - {"errors"} == MEMBERS
    assert members["status"] == status
    assert [members["request_id"]] == answer.headers.get_list("X-Request-ID")
    if slug is not None:
        assert members["type"] == f"/problems/{slug}", members
    return members


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    """What came back on a socket until it was closed."""

    status: int
    headers: Mapping[str, list[str]]
    body: bytes

    def problem(self, status: int, slug: str) -> dict[str, Any]:
        """Check that it is a whole problem of this type, and return it."""
        assert self.status == status, self.body
        assert self.headers["content-type"] == ["application/problem+json"]
        members: dict[str, Any] = json.loads(self.body)
        assert set(members) == MEMBERS
        assert members["status"] == status
        assert members["type"] == f"/problems/{slug}"
        assert self.headers["x-request-id"] == [members["request_id"]]
        return members


def connect(stack: RunningStack, *, seconds: float = 15) -> socket.socket:
    """Open a connection to NGINX on which nothing may take longer than `seconds`."""
    address = urlsplit(stack.url)
    return socket.create_connection((address.hostname or "", address.port or 80), seconds)


def say(stack: RunningStack, *parts: bytes) -> RawAnswer:
    """Send bytes as they are and return the one answer, after which the connection must close."""
    with connect(stack) as connection:
        # A server that does not read the rest of a body resets the connection after its answer.
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        return read_all(connection)


def read_all(connection: socket.socket) -> RawAnswer:
    """Read until the server closes."""
    received = b""
    with suppress(ConnectionError):
        while chunk := connection.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    # Of two answers the second would be in the body: no JSON then.
    return RawAnswer(status=int(first.split()[1]), headers=headers, body=body)
