"""The id that follows a request through headers, logs, events and workers."""

from __future__ import annotations

import re

from flask import g

from runtime.ids import new_id

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def adopted(incoming: str | None) -> str:
    """Return `incoming` where it is well-formed, else a new id."""
    if incoming and _WELL_FORMED.fullmatch(incoming):
        return incoming
    return str(new_id())


def current_request_id() -> str:
    """Return the id of the request being served."""
    request_id: str = g.request_id
    return request_id
