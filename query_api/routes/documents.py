"""What the OpenAPI document says of every query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from web.blueprints import ApiBlueprint

View = TypeVar("View", bound=Callable[..., Any])

# What can become of the tokens that every query takes.
FRESH = ("consistency-token-invalid", "not-yet-visible")

_TEXT = {"schema": {"type": "string"}}
TAGGED: dict[str, Any] = {
    "ETag": {"description": "Weak entity tag of this answer.", **_TEXT},
    "Cache-Control": {"description": "`private, no-cache`: keep it, but ask again.", **_TEXT},
    "X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"},
}
PAGE_HEADERS: dict[str, Any] = {
    **TAGGED,
    "Link": {"description": "The pages beside this one (RFC 8288), where there are any.", **_TEXT},
}


def unchanged(blueprint: ApiBlueprint) -> Callable[[View], View]:
    """Document the 304 of a view."""
    return blueprint.alt_response(
        304, description="The answer at hand is still right.", headers=TAGGED, success=True
    )


STREAM_HEADERS: dict[str, Any] = {
    "Cache-Control": {"description": "`no-store`.", **_TEXT},
    "X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"},
}
STREAM_EXAMPLE = (
    "retry: 1000\n"
    "id: AYDk4P-ZMgMAAAAaG9sZCB0aGUgbGluZQ\n"
    "\n"
    "id: AYDk4P-ZMgMBAAAfYXMgaXQgaXMgYXBwbA\n"
    "event: conversation.read\n"
    'data: {"conversation_id":"9824df28-66ec-553a-8ba6-104284b2c4fc","with":"bob",'
    '"reader":"bob","read_position":7}\n'
    "\n"
    ": still here\n"
    "\n"
)
