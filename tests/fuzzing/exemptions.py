"""Failures that are none: what the contract asks for and neither JSON Schema nor a check can know.

Each is about one check, one kind of request and one answer; nothing else is let off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx
from schemathesis import Case
from schemathesis.core.failures import Failure, ServerError
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

# What no schema can say of a value, by the field that is refused for it.
_REFUSALS: Mapping[str, re.Pattern[str]] = {
    # The list of common passwords, and the person's own names.
    "password": re.compile(r"Too common: .*|May not be the username or the e-mail address\."),
    "new_password": re.compile(r"Too common: .*"),
    # RFC 8265 is a program over Unicode's tables, and its bounds hold after preparation.
    "username": re.compile(r"A username (holds|has) .*"),
    # Who sends is not in the document: schemathesis has seen the name in another answer.
    "to": re.compile(r"This is yourself: .*"),
}
_REFUSING = {
    ("POST", "/auth/v1/register"),
    ("POST", "/auth/v1/password"),
    ("POST", "/command/v1/messages"),
}
_NOT_YET_VISIBLE = "/problems/not-yet-visible"
_NO_INTEGER = "Not a valid integer."


def is_excused(failure: Failure, case: Case[Any], response: Response) -> bool:
    """Return whether the contract asks for what a check took for a failure."""
    if isinstance(failure, RejectedPositiveData) and response.status_code == 422:
        refused: Mapping[str, list[str]] = response.json().get("errors", {})
        return bool(refused) and all(
            _is_beyond_schemas(case, field, reason)
            for field, reasons in refused.items()
            for reason in reasons
        )
    if isinstance(failure, ServerError):
        return _becomes_visible(response)
    return isinstance(failure, UseAfterFree) and _is_decided_later(case, response)


def _is_beyond_schemas(case: Case[Any], field: str, reason: str) -> bool:
    if reason == _NO_INTEGER:
        # JSON Schema takes 1.0 for an integer; the contract coerces nothing, and it is a float.
        return isinstance(_member(case.body, field), float)
    operation = (case.operation.method.upper(), case.operation.path)
    pattern = _REFUSALS.get(field)
    return operation in _REFUSING and pattern is not None and pattern.fullmatch(reason) is not None


def _member(body: Any, field: str) -> Any:  # any JSON value
    return body.get(field) if isinstance(body, dict) else None


def _becomes_visible(response: Response) -> bool:
    # Asked not to wait, or on a busy machine, a query with a fresh token says 503 and when to ask
    # again: it is no failure of the service if it then shows what was written.
    told = response.status_code == 503 and response.json().get("type") == _NOT_YET_VISIBLE
    if not told or "retry-after" not in response.headers:
        return False
    given = {name: str(value) for name, value in response.request.headers.items()}
    headers = {**given, "Prefer": "wait=10"}
    return httpx.get(response.request.url or "", headers=headers, timeout=30).status_code in {
        200,
        304,
    }


def _is_decided_later(case: Case[Any], response: Response) -> bool:
    # An edit after a delete is accepted too: whether there is such a message is decided when the
    # event is applied, and then it is rejected. Shown as applied (200), it would be a failure.
    edits = (case.operation.method.upper(), case.operation.path) == (
        "PATCH",
        "/command/v1/messages/{message_id}",
    )
    return edits and response.status_code == 202
