"""What gunicorn refuses by itself is a problem, and its log tells nothing of the request."""

from __future__ import annotations

import json
import logging
import socket

import pytest
from gunicorn.http import errors

from web.gunicorn_worker import Worker

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidHeader("geheim"), 400),
        (errors.InvalidRequestLine("geheim"), 400),
        (errors.ObsoleteFolding("geheim"), 400),
        (errors.LimitRequestLine(9, 8), 414),
        (errors.LimitRequestHeaders("geheim"), 431),
        (errors.UnsupportedTransferCoding("geheim"), 501),
        (errors.InvalidResponseHeader("x"), 500),
        (errors.InvalidResponseHeaderName("x"), 500),
        (RuntimeError("of the app"), 500),
    ],
)
def test_a_refusal_is_a_problem_that_nginx_completes(
    error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker.__new__(Worker)
    worker.log = logging.getLogger("gunicorn.test")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker.handle_error(None, ours, None, error)
        head, _, body = theirs.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/problem+json" in head
    assert f"X-Accel-Redirect: /-/problem/{status}".encode() in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["status"] == status
    assert "geheim" not in caplog.text


def test_a_client_that_is_gone_is_no_error() -> None:
    worker = Worker.__new__(Worker)
    worker.log = logging.getLogger("gunicorn.test")
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        worker.handle_error(None, ours, None, errors.InvalidHeader("x"))
