"""Pages as answers: their items, links to the pages beside them, an entity tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast
from urllib.parse import quote, urlencode

from flask import Response, request

from query_api.reads.places import Direction, Page, PageEdge
from query_api.reads.stamps import Stamped
from query_api.routes.requests import reads
from web.bodies import query_parameters
from web.conditional import conditional_json, etag_for, has_current, names_tags, not_modified
from web.guard import current_identity
from web.paging import link_header

Parameters = Mapping[str, str | int | None]
Value = TypeVar("Value")

# Of what answers look like: another number makes every entity tag at hand an old one.
_FORM = "2"


def answer(
    look: Callable[[], str],
    read: Callable[[], Stamped[Value]],
    show: Callable[[Value, str], Response],
) -> Response:
    """Return 304 where the client has the present state, without reading it; else show it.

    Args:
        look: Finds the stamp alone.
        read: Reads the whole answer, with its stamp.
        show: Makes the response of what was read and its entity tag.
    """
    # `*` asks whether there is an answer at all: that only reading it tells.
    if names_tags() and has_current(tag := _tag(look())):
        return not_modified(tag)
    found = read()
    return show(found.value, _tag(found.stamp))


def _tag(stamp: str) -> str:
    account = str(current_identity().account_id)
    return etag_for(_FORM, account, request.path, request.query_string, stamp)


def place_of(cursor: str | None, of: str) -> PageEdge | None:
    """Return where the page of a cursor starts, in the list that `of` names.

    Raises:
        CursorInvalidError: It is not of this list.
    """
    if cursor is None:
        return None
    direction, moment, id_ = reads().cursors.decode(of, cursor)
    return PageEdge(direction=cast("Direction", direction), moment=moment, id=id_)


def sorted_page_response(page: Page[Value], of: str, tag: str) -> Response:
    """Return a page of the list that `of` names: the next page is the older one."""
    return page_response(
        page.items, next_page=_link(page.older, of), prev_page=_link(page.newer, of), tag=tag
    )


def _link(place: PageEdge | None, of: str) -> str | None:
    if place is None:
        return None
    values = (place.direction, place.moment, place.id)
    return link_with({"cursor": reads().cursors.encode(of, values)})


def page_response(
    items: Sequence[object], *, next_page: str | None, prev_page: str | None, tag: str
) -> Response:
    """Return a page with its links in the body and in a Link header, or 304."""
    response = conditional_json({"items": items, "next": next_page, "prev": prev_page}, etag=tag)
    if next_page or prev_page:
        response.headers["Link"] = link_header(next_page, prev_page)
    return response


def link_with(changes: Parameters) -> str:
    """Return the present request's path and query with some parameters set, or None: left out."""
    kept = [(name, value) for name, value in query_parameters() if name not in changes]
    changed = [(name, value) for name, value in changes.items() if value is not None]
    return f"{quote(request.path)}?{urlencode([*kept, *changed], quote_via=quote)}"
