"""Errors as `application/problem+json` (RFC 9457), and how an exception becomes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import orjson
from flask import Response, request

from runtime.errors import MessagingError, UnavailableError
from web.catalogue import BY_STATUS, CATALOGUE, Problem
from web.request_ids import current_request_id

__all__ = [
    "BY_STATUS",
    "CATALOGUE",
    "MEDIA_TYPE",
    "FieldErrors",
    "InvalidFieldsError",
    "Problem",
    "ProblemError",
    "as_problem",
    "error_response",
    "problem_of",
    "problem_response",
]

MEDIA_TYPE = "application/problem+json"
FieldErrors = Mapping[str, Sequence[str]]
Statuses = Mapping[type[MessagingError], Problem]

_RETRY_LATER = frozenset({429, 503})
_BEARER_NEEDED = 401


class ProblemError(MessagingError):
    """The request cannot be served."""

    def __init__(
        self,
        problem: Problem,
        detail: str | None = None,
        *,
        errors: FieldErrors | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Carry `problem`; `detail` says more than its explanation, `errors` names fields."""
        super().__init__(detail or problem.explanation)
        self.problem = problem
        self.errors = errors
        self.headers = headers


class InvalidFieldsError(ProblemError):
    """Some fields are missing, unknown or have values that are not allowed."""

    def __init__(self, errors: FieldErrors, detail: str | None = None) -> None:
        """Name what is wrong with each field."""
        super().__init__(CATALOGUE["invalid-fields"], detail, errors=errors or None)


def problem_of(error: MessagingError, statuses: Statuses) -> Problem:
    """Return the problem that stands for `error`: its own, else that of its nearest known class."""
    if isinstance(error, ProblemError):
        return error.problem
    for kind in type(error).__mro__:
        if kind in statuses:
            return statuses[kind]
    if isinstance(error, UnavailableError):
        return CATALOGUE["service-unavailable"]
    return CATALOGUE["internal-server-error"]


def as_problem(error: MessagingError, statuses: Statuses) -> dict[str, object]:
    """Return the members of the problem that stands for `error`."""
    problem = problem_of(error, statuses)
    errors = error.errors if isinstance(error, ProblemError) else None
    return _members(problem, _detail(problem, error), errors)


def error_response(error: MessagingError, statuses: Statuses) -> Response:
    """Return the answer that stands for `error`.

    An error that has a `retry_after` (seconds) decides the header of that name.
    """
    problem = problem_of(error, statuses)
    carried = error if isinstance(error, ProblemError) else None
    headers = dict(carried.headers or {}) if carried else {}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, int(retry_after)))
    return problem_response(
        problem,
        _detail(problem, error),
        errors=carried.errors if carried else None,
        headers=headers,
    )


def problem_response(
    problem: Problem,
    detail: str | None = None,
    *,
    errors: FieldErrors | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return `problem` as an answer, with the headers that its status calls for."""
    body = orjson.dumps(_members(problem, detail or problem.explanation, errors))
    response = Response(body, problem.status, headers, content_type=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    if problem.status in _RETRY_LATER:
        response.headers.setdefault("Retry-After", "1")
    elif problem.status == _BEARER_NEEDED:
        response.headers.setdefault("WWW-Authenticate", "Bearer")
    return response


def _detail(problem: Problem, error: MessagingError) -> str:
    # What failed on our side is for the log; a client learns no more than that something did.
    return problem.explanation if problem.status == 500 else str(error)


def _members(problem: Problem, detail: str, errors: FieldErrors | None) -> dict[str, object]:
    members: dict[str, object] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": quote(request.path),
        "request_id": current_request_id(),
    }
    if errors:
        members["errors"] = errors
    return members
