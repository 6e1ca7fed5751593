"""Answers in JSON, made without detours: the hot path of all three APIs."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from flask import Response

JSON = "application/json"


def json_response(
    payload: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return `payload` as JSON.

    Args:
        payload: Text, numbers, None, lists, dicts and UUIDs. Times must be RFC 3339 text already:
            a datetime is refused, so that none leaves in another form.
        status: The HTTP status.
        headers: More headers.
    """
    body = orjson.dumps(payload, option=orjson.OPT_PASSTHROUGH_DATETIME)
    return Response(body, status, headers, content_type=JSON)


def no_content() -> Response:
    """Return 204, which has neither a body nor a type of one."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
