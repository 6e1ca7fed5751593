"""Gunicorn's threaded worker, except that what it refuses by itself is a problem, not a page.

And that the app is told of the worker's end: what never ends by itself would else be cut off. And
that a worker which stops takes whoever has knocked already.

Gunicorn's master loads this module and keeps it. What it imports of ours is therefore imported by
the workers alone: on SIGHUP new ones take the code that is there then, all of it.

`ops/gunicorn/gunicornconfig.py` names it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import FrameType
from typing import Any

import orjson
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

# The nearest class counts; what is not here was not refused, but failed.
_STATUSES: dict[type[BaseException], int] = {
    errors.ParseException: 400,
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
    errors.ConfigurationProblem: 500,
    # What a view tried to send is not the client's fault.
    errors.InvalidResponseHeader: 500,
    errors.InvalidResponseHeaderName: 500,
}


_ANSWER_S = 1


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A threaded worker whose own refusals are `application/problem+json`."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop: no new connections, and streams end."""
        super().handle_exit(sig, frame)
        # Not here: a signal may interrupt the very code whose lock is needed.
        threading.Thread(target=_stop, args=(self.wsgi,), daemon=True).start()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  # gunicorn's own form
        """Begin or cease to take connections; a worker that stops first takes those that wait."""
        super().set_accept_enabled(enabled)
        if self.alive or enabled:
            return
        for listener in self.sockets:
            listener.setblocking(False)  # noqa: FBT003  # a socket's own form
            taken = -1
            while taken != self.nr_conns:
                taken = self.nr_conns
                self.accept(listener)
            # As long as any process has it open, the kernel lets people in, to wait for nobody.
            listener.close()

    def handle_error(
        self, _request: Any, client: socket.socket, _from: Any, exc: Exception
    ) -> None:
        """Answer a request that cannot be parsed, or whose handling failed outside of the app."""
        status = next((_STATUSES[kind] for kind in type(exc).__mro__ if kind in _STATUSES), 500)
        if status == 500:
            self.log.error("Error handling a request", exc_info=exc)
        else:
            # The exception's text may quote a header or an address, which may hold secrets.
            self.log.warning("Refused a request: %s", type(exc).__name__)
        with contextlib.suppress(OSError):
            # A client that does not read must not hold the thread.
            client.settimeout(_ANSWER_S)
            client.sendall(_answer(status))


def _stop(app: object) -> None:
    from web.stopping import stop  # noqa: PLC0415  # in the worker, see above

    stop(app)


def _answer(status: int) -> bytes:
    from web.catalogue import BY_STATUS  # noqa: PLC0415  # in the worker, see above

    problem = BY_STATUS[status]
    # The request id and the path are not known here, but to NGINX: it answers in our place, with
    # the whole problem, since the answer names one of its internal locations.
    body = orjson.dumps(
        {
            "type": f"/problems/{problem.slug}",
            "title": problem.title,
            "status": status,
            "detail": problem.explanation,
        }
    )
    head = (
        f"HTTP/1.1 {status} {problem.title}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"X-Accel-Redirect: /-/problem/{status}\r\n"
        "\r\n"
    )
    return head.encode("ascii") + body
