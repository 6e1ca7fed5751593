"""What a view says about itself, read once for each route and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, Request

from web.responses import JSON

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "messaging_public"
TAKES_QUERY = "messaging_takes_query"
TAKES_BODY = "messaging_takes_body"
PRODUCES = "messaging_produces"
PROBLEMS = "messaging_problems"
LINKS = "messaging_links"


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What the life of a request needs to know of its view."""

    public: bool
    takes_query: bool
    takes_body: bool
    produces: tuple[str, ...]


def produces(*media_types: str) -> Callable[[View], View]:
    """Mark a view whose successes are not JSON, for the sake of the Accept header."""

    def mark(view: View) -> View:
        setattr(view, PRODUCES, media_types)
        return view

    return mark


def takes_any_query(view: View) -> View:
    """Mark a view, such as a page, that ignores query parameters instead of refusing them."""
    setattr(view, TAKES_QUERY, True)
    return view


def sees_to_its_body(view: View) -> View:
    """Mark a view that reads the body, or refuses it in its own words."""
    setattr(view, TAKES_BODY, True)
    return view


class TraitsByRoute:
    """Finds the traits of the view that serves a request."""

    def __init__(self, app: Flask) -> None:
        """Look into `app` as it is when the first request of each route comes."""
        self._app = app
        self._known: dict[tuple[str, str], Traits] = {}

    def of(self, request: Request) -> Traits | None:
        """Return the traits of the request's view, or None where no route matches."""
        endpoint = request.endpoint
        if endpoint is None:
            return None
        key = (endpoint, request.method)
        traits = self._known.get(key)
        if traits is None:
            traits = self._known[key] = _traits(self._app.view_functions[endpoint], key[1])
        return traits


def _traits(view: Callable[..., Any], method: str) -> Traits:
    kind = getattr(view, "view_class", None)
    marked = (view, kind, getattr(kind, "get" if method == "HEAD" else method.lower(), None))

    def mark(name: str, default: Any) -> Any:  # marks are of several types
        return next((getattr(one, name) for one in marked if hasattr(one, name)), default)

    return Traits(
        public=mark(PUBLIC, default=False),
        takes_query=mark(TAKES_QUERY, default=False),
        takes_body=mark(TAKES_BODY, default=False),
        produces=mark(PRODUCES, default=(JSON,)),
    )
