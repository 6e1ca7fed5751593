"""Measures requests, and shows a service's metrics at `/metrics`, which NGINX passes to nobody."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Request, Response

from runtime.exposition import CONTENT_TYPE, Look, exposed
from runtime.meters import observe
from web.guard import public
from web.traits import produces, takes_any_query

_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})
_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


def measure(request: Request, status: int, seconds: float) -> None:
    """Count a request that is about to be answered, by its route's template."""
    rule = request.url_rule
    observe(
        "messaging_http_request_seconds",
        seconds,
        rule.rule if rule is not None else "unmatched",
        request.method if request.method in _METHODS else "other",
        _CLASSES[status // 100 - 1],
    )


def metrics_page(looks: Mapping[str, Look]) -> Blueprint:
    """Return the blueprint of `/metrics`; see `runtime.exposition.exposed` for `looks`."""
    blueprint = Blueprint("metrics", __name__)

    @public
    @takes_any_query
    @produces("text/plain")
    def metrics() -> Response:
        """Show what all processes of this service measured."""
        return Response(
            exposed(looks), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"}
        )

    blueprint.add_url_rule("/metrics", view_func=metrics)
    return blueprint
