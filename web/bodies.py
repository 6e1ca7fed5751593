"""Reads what a request carries: its JSON body and its query, both strictly."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import marshmallow as ma
from flask import Request
from werkzeug.http import parse_options_header

from web.contexts import current_request
from web.problems import CATALOGUE, InvalidFieldsError, ProblemError
from web.responses import JSON
from web.strict_json import parse
from web.strict_schemas import StrictSchema, load

MOST_BYTES = 128 * 1024
_MOST_PARAMETERS = 100
_NO_FIELDS = StrictSchema()
_PLAIN_JSON = frozenset({JSON, f"{JSON}; charset=utf-8", f"{JSON};charset=utf-8"})


def read_json(  # what the schema makes
    schema: ma.Schema, *, body_limit: int = MOST_BYTES, strings_checked: bool = True
) -> Any:
    """Return the request's JSON body as `schema` loads it.

    Args:
        schema: What the body must be.
        body_limit: Bytes at most.
        strings_checked: As `web.strict_json.parse` says.

    Raises:
        ProblemError: The body is of another media type, malformed, or breaks the schema.
    """
    request = current_request()
    _check_media_type(request)
    return load(schema, parse(_body(request, body_limit), strings_checked=strings_checked))


def refuse_body(detail: str) -> None:
    """Refuse a request that has a body, where one would be passed over.

    Raises:
        InvalidFieldsError: It has one; `detail` says how to ask instead.
    """
    if _has_body(current_request()):
        raise InvalidFieldsError({}, detail)


def refuse_unread_body() -> None:
    """Refuse what a body says on a route that has none; an empty one, and `{}`, say nothing.

    Raises:
        ProblemError: It is of another media type, malformed, or has a field.
    """
    request = current_request()
    if not _has_body(request):
        return
    body = _body(request, MOST_BYTES)
    if body:
        _check_media_type(request)
        load(_NO_FIELDS, parse(body))


class QueryReader:
    """Reads the query parameters that a schema describes; none may come twice."""

    def __init__(self, schema: ma.Schema) -> None:
        """Read as `schema` says."""
        self._schema = schema
        self._defaults: dict[str, Any] | None = None

    def read(self) -> Any:  # what the schema makes
        """Return the request's query parameters as the schema loads them.

        Raises:
            ProblemError: The query is malformed or breaks the schema.
        """
        pairs = query_parameters()
        if not pairs:
            return self._of_none()
        values = dict(pairs)
        if len(values) != len(pairs):
            names = [name for name, _ in pairs]
            raise InvalidFieldsError(
                {name: ["May be given once."] for name in values if names.count(name) > 1}
            )
        return load(self._schema, values)

    def _of_none(self) -> Any:
        # Most queries have no parameters, and loading the defaults costs 20 microseconds.
        if self._defaults is not None:
            return dict(self._defaults)
        loaded = load(self._schema, {})
        if isinstance(loaded, dict):
            self._defaults = dict(loaded)
        return loaded


def refuse_query() -> None:
    """Refuse query parameters, for a route that has none."""
    pairs = query_parameters()
    if pairs:
        raise InvalidFieldsError({name: ["There is no such parameter."] for name, _ in pairs})


def query_parameters() -> list[tuple[str, str]]:
    """Return the names and values of the query, in order.

    Raises:
        ProblemError: It is not percent-encoded UTF-8, or of too many parameters.
    """
    raw: str = current_request().environ.get("QUERY_STRING", "")
    if not raw:
        return []
    try:
        raw.encode("ascii")
        return parse_qsl(
            raw, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError as error:
        raise ProblemError(CATALOGUE["malformed-query"]) from error


def _check_media_type(request: Request) -> None:
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise _unsupported("The body may not be compressed.", {"Accept-Encoding": "identity"})
    given: str = request.environ.get("CONTENT_TYPE", "")
    if given in _PLAIN_JSON or (not given and not _has_body(request)):
        return
    media_type, options = parse_options_header(given)
    if media_type.lower() != JSON or options.get("charset", "utf-8").lower() not in {
        "utf-8",
        "utf8",
    }:
        raise _unsupported(f"The body must be {JSON} in UTF-8.", {"Accept": JSON})


def _body(request: Request, limit: int) -> bytes:
    # Werkzeug cuts a chunked body off at its limit and says nothing: let it read one byte more.
    request.max_content_length = limit + 1
    body = request.get_data(cache=False)
    if len(body) > limit:
        raise ProblemError(CATALOGUE["content-too-large"])
    return body


def _has_body(request: Request) -> bool:
    return bool(request.content_length) or "HTTP_TRANSFER_ENCODING" in request.environ


def _unsupported(detail: str, headers: dict[str, str]) -> ProblemError:
    return ProblemError(CATALOGUE["unsupported-media-type"], detail, headers=headers)
