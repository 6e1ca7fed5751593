"""Entity tags of queries: who has the present state already is answered 304."""

from __future__ import annotations

import hashlib

import orjson
from flask import Response, request
from werkzeug.http import parse_etags, quote_etag

from web.responses import JSON

_CACHE_CONTROL = "private, no-cache"


def etag_for(*parts: bytes | str) -> str:
    """Return a weak entity tag, without quotes, that differs whenever one of `parts` does."""
    digest = hashlib.blake2b(digest_size=15)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        # The length keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(len(raw).to_bytes(8))
        digest.update(raw)
    return digest.hexdigest()


def has_current(etag: str) -> bool:
    """Return whether the present request's If-None-Match names `etag`, or `*`."""
    given = request.environ.get("HTTP_IF_NONE_MATCH")
    return bool(given) and parse_etags(given).contains_weak(etag)


def names_tags() -> bool:
    """Return whether the present request's If-None-Match names entity tags, not `*` or none."""
    given = request.environ.get("HTTP_IF_NONE_MATCH")
    if not given:
        return False
    tags = parse_etags(given)
    return bool(tags) and not tags.star_tag


def not_modified(etag: str) -> Response:
    """Return the 304 for who has `etag` already."""
    response = Response(status=304, headers=_headers(etag))
    del response.headers["Content-Type"]
    return response


def conditional_json(payload: object, *, etag: str | None = None) -> Response:
    """Return `payload` as JSON with its entity tag, or 304 where the client has it.

    Args:
        payload: As for `json_response`.
        etag: What stands for the payload; without it, the tag is made from the JSON text.
    """
    body = orjson.dumps(payload, option=orjson.OPT_PASSTHROUGH_DATETIME)
    tag = etag or etag_for(body)
    if has_current(tag):
        return not_modified(tag)
    return Response(body, headers=_headers(tag), content_type=JSON)


def _headers(etag: str) -> dict[str, str]:
    return {"ETag": quote_etag(etag, weak=True), "Cache-Control": _CACHE_CONTROL}
