"""How the OpenAPI documents describe problems: by status, each with its types and examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web.catalogue import CATALOGUE, Problem
from web.problems import MEDIA_TYPE as CONTENT

__all__ = ["CONTENT", "PROBLEM_SCHEMA", "problem_documents", "problem_example"]

_REQUEST_ID = "0197f9d18c3e7c02b1a45b0f6d3f2a11"
_REFERENCE = "#/components/schemas/Problem"
# Headers that a status brings with it, beside those of every answer.
_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    415: ("Accept", "Accept-Encoding"),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_EVERY = ("X-Request-ID", "X-Content-Type-Options", "Cache-Control")
_ERRORS = {
    "invalid-fields": {"no_such_field": ["There is no such field."]},
    "idempotency-key-invalid": {"Idempotency-Key": ["Give 1 to 255 characters."]},
}

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "additionalProperties": False,
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "pattern": "^/problems/[a-z]+(-[a-z]+)*$",
            "description": "Which problem it is: stable, and a page that explains it.",
            "examples": ["/problems/not-found"],
        },
        "title": {"type": "string", "minLength": 1, "description": "The same for each type."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "minLength": 1, "description": "What is wrong this time."},
        "instance": {
            "type": "string",
            "format": "uri-reference",
            "description": "The path of the request.",
        },
        "request_id": {
            "type": "string",
            "pattern": "^[A-Za-z0-9._-]{1,128}$",
            "description": "As in X-Request-ID: give it to the operator.",
        },
        "errors": {
            "type": "object",
            "description": "For each field at fault, by its path, what is wrong with it.",
            "minProperties": 1,
            "additionalProperties": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "minItems": 1,
            },
        },
    },
}


def problem_documents(slugs: Sequence[str], *, instance: str) -> dict[str, dict[str, Any]]:
    """Return an OpenAPI response for each status among the problems, each problem an example.

    Args:
        slugs: The problems, by their names in the catalogue.
        instance: The path that the examples are about.
    """
    by_status: dict[int, list[Problem]] = {}
    for slug in slugs:
        by_status.setdefault(CATALOGUE[slug].status, []).append(CATALOGUE[slug])
    return {
        str(status): {
            "description": " ".join(problem.explanation for problem in problems),
            "headers": _headers(status),
            "content": {CONTENT: _content(status, problems, instance)},
        }
        for status, problems in by_status.items()
    }


def problem_example(problem: Problem, *, instance: str) -> dict[str, Any]:
    """Return a problem as a client may meet it at `instance`."""
    members: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.explanation,
        "instance": instance,
        "request_id": _REQUEST_ID,
    }
    if problem.slug in _ERRORS:
        members["errors"] = _ERRORS[problem.slug]
    return members


def _content(status: int, problems: list[Problem], instance: str) -> dict[str, Any]:
    types = [f"/problems/{problem.slug}" for problem in problems]
    return {
        "schema": {
            "allOf": [
                {"$ref": _REFERENCE},
                {"properties": {"type": {"enum": types}, "status": {"const": status}}},
            ]
        },
        "examples": {
            problem.slug: {
                "summary": problem.title,
                "value": problem_example(problem, instance=instance),
            }
            for problem in problems
        },
    }


def _headers(status: int) -> dict[str, Any]:
    names = (*_EVERY, *_HEADERS.get(status, ()))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
