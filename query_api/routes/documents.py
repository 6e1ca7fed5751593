"""What the OpenAPI document says of every query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from web.blueprints import ApiBlueprint
from web.documents import cache_control_header
from web.links import link, link_to

View = TypeVar("View", bound=Callable[..., Any])

# What can become of the tokens that every query takes.
FRESH = ("consistency-token-invalid", "not-yet-visible")

TAGGED: dict[str, Any] = {
    "ETag": {
        "description": "Weak entity tag of this answer.",
        "required": True,
        "schema": {"type": "string", "pattern": '^W/"[^"]+"$'},
        "example": 'W/"2cf24dba5fb0a30e26e83b2ac5b9e2"',
    },
    "Cache-Control": {
        "description": "Keep it, but ask again.",
        "required": True,
        "schema": {"type": "string", "const": "private, no-cache"},
        "example": "private, no-cache",
    },
}
PAGE_HEADERS: dict[str, Any] = {
    **TAGGED,
    "Link": {
        "description": "The pages beside this one (RFC 8288), where there are any.",
        "schema": {"type": "string", "pattern": '^<[^>]+>; rel="(next|prev)"'},
        "example": '</query/v1/conversations/bob/messages?limit=1&before=7>; rel="prev"',
    },
}
_PEER = "$response.body#/{}/0/with"
# Where the answers of queries lead.
TO_MESSAGE = link(
    "one_message", "The first of these messages, alone.", message_id="$response.body#/items/0/id"
)
TO_THIS = link("one_message", "This message.", message_id="$response.body#/id")


def to_conversation(members: str) -> dict[str, Any]:
    """Return links to the messages of the first conversation in a list of that name."""
    peer = _PEER.format(members)
    return {
        "messages": link("conversation_messages", "Its messages.", username=peer),
        "last": link("last_message", "The last message from its other side.", username=peer),
        "unread": link("unread_messages", "Its unread messages.", username=peer),
        "read": link_to(
            "command",
            "conversations/{username}/read",
            "post",
            "Mark it as read.",
            username=peer,
        ),
    }


def to_commands(message: str) -> dict[str, Any]:
    """Return links to what its sender may do to the message whose id an expression gives."""
    path = "messages/{message_id}"
    return {
        "edit": link_to("command", path, "patch", "Edit it.", message_id=message),
        "delete": link_to("command", path, "delete", "Delete it.", message_id=message),
    }


def unchanged(blueprint: ApiBlueprint) -> Callable[[View], View]:
    """Document the 304 of a view, which has no body."""
    return blueprint.alt_response(
        304, description="The answer at hand is still right.", headers=TAGGED, success=True
    )


STREAM_HEADERS: dict[str, Any] = {"Cache-Control": cache_control_header("no-store")}
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
