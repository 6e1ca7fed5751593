"""The life of a request: id, guard, what it may ask for, errors, headers, a line in the log."""

from __future__ import annotations

import time

import redis
import structlog
from flask import Flask, Response, request
from flask.globals import request_ctx
from sqlalchemy import exc as sqlalchemy_errors
from werkzeug.exceptions import HTTPException

from runtime.errors import MessagingError, UnavailableError
from runtime.logging import get_logger
from web import request_ids
from web.access_log import AccessLog
from web.bodies import refuse_query, refuse_unread_body
from web.contexts import current_context, current_request
from web.guard import Guard
from web.metrics import measure
from web.negotiation import acceptable
from web.problems import (
    BY_STATUS,
    CATALOGUE,
    ProblemError,
    Statuses,
    error_response,
    problem_of,
    problem_response,
)
from web.traits import TraitsByRoute

_log = get_logger(__name__)

# A part that is away or refuses to work just now; whatever else a driver raises is our mistake.
_AWAY = (
    sqlalchemy_errors.OperationalError,
    sqlalchemy_errors.InterfaceError,
    sqlalchemy_errors.TimeoutError,
    redis.RedisError,
)
_PASSED_ON = ("Allow", "WWW-Authenticate", "Retry-After", "Content-Range")


class Lifecycle:
    """Attaches to a Flask app what every request of ours goes through."""

    def __init__(
        self,
        app: Flask,
        *,
        guard: Guard | None,
        statuses: Statuses,
        cache_control: str,
        access_log: AccessLog,
    ) -> None:
        """Let `guard` admit requests, if there is one, and answer errors as `statuses` says."""
        self._guard = guard
        self._statuses = statuses
        self._cache_control = cache_control
        self._access_log = access_log
        self._traits = TraitsByRoute(app)
        app.before_request(self._begin)
        app.after_request(self._finish)
        app.register_error_handler(MessagingError, self._on_our_error)
        app.register_error_handler(HTTPException, self._on_http_error)
        app.register_error_handler(Exception, self._on_unexpected_error)
        for kind in _AWAY:
            app.register_error_handler(kind, self._on_part_away)

    def _begin(self) -> Response | None:
        started = time.perf_counter()
        current, context = current_request(), current_context()
        environ = current.environ
        request_id = request_ids.adopted(environ.get("HTTP_X_REQUEST_ID"))
        context.started, context.request_id = started, request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        traits = self._traits.of(current)
        if traits is None:
            return None
        if current.method == "OPTIONS":
            return _options()
        if self._guard is not None and not traits.public:
            context.identity = self._guard.identify(environ.get("HTTP_AUTHORIZATION"))
        accept = environ.get("HTTP_ACCEPT")
        if accept and accept != "*/*" and not acceptable(accept, traits.produces):
            raise ProblemError(CATALOGUE["not-acceptable"])
        if not traits.takes_query and environ.get("QUERY_STRING"):
            refuse_query()
        if not traits.takes_body:
            refuse_unread_body()
        return None

    def _finish(self, response: Response) -> Response:
        context = current_context()
        headers = response.headers
        headers.add(request_ids.HEADER, context.request_id)
        headers.add("X-Content-Type-Options", "nosniff")
        headers.setdefault("Cache-Control", self._cache_control)
        seconds = time.perf_counter() - context.started
        current = current_request()
        measure(current, response.status_code, seconds)
        self._access_log.write(response, current, context, seconds)
        return response

    def _on_our_error(self, error: MessagingError) -> Response:
        if problem_of(error, self._statuses).status == 500:
            return self._on_unexpected_error(error)
        if isinstance(error, UnavailableError):
            _log.warning("part.unavailable", reason=str(error), cause=repr(error.__cause__))
        return error_response(error, self._statuses)

    def _on_http_error(self, error: HTTPException) -> Response:
        status = error.code or 500
        problem = BY_STATUS.get(status) or BY_STATUS[400 if status < 500 else 500]
        given = error.get_headers(request.environ)
        return problem_response(
            problem, headers={name: value for name, value in given if name in _PASSED_ON}
        )

    def _on_part_away(self, error: Exception) -> Response:
        _log.warning("part.unavailable", reason=type(error).__name__, cause=str(error).strip())
        return problem_response(CATALOGUE["service-unavailable"])

    def _on_unexpected_error(self, error: Exception) -> Response:
        _log.error("request.failed", exc_info=error)
        return problem_response(CATALOGUE["internal-server-error"])


def _options() -> Response:
    # Of the path, not of the one view that was found: several may share it.
    adapter = request_ctx.url_adapter
    allowed = sorted(adapter.allowed_methods()) if adapter is not None else []
    response = Response(status=204, headers={"Allow": ", ".join(allowed)})
    del response.headers["Content-Type"]
    return response
