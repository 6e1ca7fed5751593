"""The present request itself, not the proxy of it.

Each attribute that is asked of `flask.request` or `flask.g` looks the request up anew, which costs
more than most of what we do with it: who needs several asks here once.
"""

from __future__ import annotations

from typing import Any, cast

from flask import Request, g, request


def current_request() -> Request:
    """Return the request being served."""
    return cast("Any", request)._get_current_object()  # type: ignore[no-any-return]  # noqa: SLF001  # Flask documents it


def current_context() -> Any:
    """Return the request's own namespace, which is `flask.g`."""
    return cast("Any", g)._get_current_object()  # noqa: SLF001  # Flask documents it
