"""Completes an OpenAPI document: what every operation of a service answers, beside its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from web.problem_documents import CONTENT, problem_documents

# What the blueprints leave in an operation for this module to take out.
PROBLEMS_OF = "x-problems"
LINKS_OF = "x-links"
_VARIABLE = re.compile(r"\{(\w+)\}")
_EXAMPLES = {
    "username": "bob",
    "message_id": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a11",
    "event_id": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a12",
    "session_id": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a13",
}
# Whatever the operation, NGINX or the service may answer these.
_ALWAYS = (
    *("bad-request", "malformed-query", "method-not-allowed", "not-acceptable"),
    *("request-timeout", "content-too-large", "uri-too-long", "invalid-fields"),
    *("request-header-fields-too-large", "internal-server-error", "not-implemented"),
    *("service-unavailable", "http-version-not-supported"),
    *("malformed-json", "unsupported-media-type"),
)
_WITH_TOKEN = ("unauthorized", "token-invalid")
# flask-smorest's own components, which nothing refers to.
_UNUSED = ("Error", "PaginationMetadata")
_BEARER: list[dict[str, list[str]]] = [{"bearerAuth": []}]
_NO_SNIFFING = {"$ref": "#/components/headers/X-Content-Type-Options"}
_REQUEST_ID = {"$ref": "#/components/headers/X-Request-ID"}

LOCATION: dict[str, Any] = {
    "required": True,
    "schema": {"type": "string", "format": "uri-reference", "pattern": "^/"},
}

Document = dict[str, Any]


def complete(document: Document, *, cache_control: str) -> Document:
    """Return `document` with every status, header, problem and link of each operation.

    Args:
        document: What the blueprints and their decorators say.
        cache_control: That header of the service's successes, where they say no other.
    """
    for name in _UNUSED:
        document["components"]["schemas"].pop(name, None)
    document["components"].pop("responses", None)
    for path, item in document["paths"].items():
        for operation in _operations(item):
            _complete_operation(operation, path, cache_control)
    return document


def example_path(path: str) -> str:
    """Return an address as `path` describes, its variables filled in."""
    return _VARIABLE.sub(lambda variable: _EXAMPLES.get(variable[1], variable[1]), path)


def _operations(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for method, operation in item.items() if method != "parameters")


def _complete_operation(operation: dict[str, Any], path: str, cache_control: str) -> None:
    operation.setdefault("security", _BEARER)
    links = operation.pop(LINKS_OF)
    own = {str(status): answer for status, answer in operation["responses"].items()}
    for status, answer in own.items():
        headers = answer.setdefault("headers", {})
        headers.setdefault("Cache-Control", cache_control_header(cache_control))
        headers.update({"X-Request-ID": _REQUEST_ID, "X-Content-Type-Options": _NO_SNIFFING})
        if status in links:
            answer["links"] = links[status]
    slugs = _slugs(operation, path)
    refused = problem_documents(slugs, instance=example_path(path))
    for status in own.keys() & refused.keys():
        # One status, two answers: the service's own, and a problem where NGINX cannot reach it.
        own[status]["content"][CONTENT] = refused[status]["content"][CONTENT]
        own[status]["headers"] = {**own[status]["headers"], **refused[status]["headers"]}
    operation["responses"] = dict(sorted({**refused, **own}.items()))


def cache_control_header(value: str) -> dict[str, Any]:
    """Return the document of a Cache-Control header that is always `value`."""
    return {
        "description": "Who may keep the answer.",
        "required": True,
        "schema": {"type": "string", "const": value},
        "example": value,
    }


def _slugs(operation: dict[str, Any], path: str) -> list[str]:
    slugs = [*_ALWAYS, *operation.pop(PROBLEMS_OF)]
    if operation["security"] == _BEARER:
        slugs += _WITH_TOKEN
    if "{" in path:
        slugs.append("not-found")
    return list(dict.fromkeys(slugs))
