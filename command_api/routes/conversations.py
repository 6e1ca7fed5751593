"""The path `conversations/{username}/read`."""

from __future__ import annotations

from typing import Any

from flask import Response

from command_api.handlers.commands import ReadConversation
from command_api.handlers.conversations import read_conversation
from command_api.routes.answers import accepted
from command_api.routes.documentation import READ_EXAMPLE, REQUEST_HEADERS, TO_EVENT, accepts
from command_api.routes.requests import context_of
from command_api.schemas.answers import AcceptedSchema
from command_api.schemas.commands import ReadConversationSchema
from web.blueprints import ApiBlueprint

conversations = ApiBlueprint("conversations", __name__, description="Mark messages as read.")
_USERNAME = {
    "in": "path",
    "name": "username",
    "required": True,
    "description": "The other account's username, percent-encoded.",
    "schema": {"type": "string", "minLength": 1},
    "example": "bob",
}


@conversations.route(
    "/conversations/<username>/read",
    methods=["POST"],
    parameters=[_USERNAME, *REQUEST_HEADERS],
)
@conversations.arguments(ReadConversationSchema, example={"up_to": 17})
@accepts(conversations, AcceptedSchema, "recipient-unknown", example=READ_EXAMPLE)
@conversations.links(202, event=TO_EVENT)
def post_read(fields: dict[str, Any], username: str) -> Response:
    """Mark the conversation with a user as read up to a position.

    Beyond the last message means up to the last; a read position never goes back.
    """
    command = ReadConversation(username=username, **fields)
    return accepted(read_conversation(command, context_of(fields)))
