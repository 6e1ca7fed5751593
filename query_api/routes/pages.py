"""Pages as answers: their items, links to the pages beside them, an entity tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from flask import Response, request

from web.bodies import query_parameters
from web.conditional import conditional_json
from web.paging import link_header

Parameters = Mapping[str, str | int | None]


def page_response(
    items: Sequence[object], *, next_page: str | None, prev_page: str | None
) -> Response:
    """Return a page with its links in the body and in a Link header, or 304."""
    response = conditional_json({"items": items, "next": next_page, "prev": prev_page})
    if next_page or prev_page:
        response.headers["Link"] = link_header(next_page, prev_page)
    return response


def link_with(changes: Parameters) -> str:
    """Return the present request's path and query with some parameters set, or None: left out."""
    kept = [(name, value) for name, value in query_parameters() if name not in changes]
    changed = [(name, value) for name, value in changes.items() if value is not None]
    return f"{quote(request.path)}?{urlencode([*kept, *changed], quote_via=quote)}"
