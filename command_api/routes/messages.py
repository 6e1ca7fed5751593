"""The paths `messages` and `messages/{message_id}`."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from flask import Response
from flask.views import MethodView

from command_api.handlers.commands import DeleteMessage, EditMessage, SendMessage
from command_api.handlers.messages import delete_message, edit_message, send_message
from command_api.routes.answers import accepted
from command_api.routes.documentation import (
    ABOUT_MESSAGE,
    ACCEPTED_EXAMPLE,
    PREFER,
    REQUEST_HEADERS,
    TO_EVENT,
    accepts,
    shows,
)
from command_api.routes.requests import context_of
from command_api.routes.waiting import applied_or_accepted
from command_api.schemas.answers import AcceptedSchema
from command_api.schemas.commands import DeletionSchema, EditMessageSchema, SendMessageSchema
from events.contracts.messages import Changes
from runtime.ids import MessageId
from web.blueprints import ApiBlueprint
from web.bodies import refuse_body
from web.traits import sees_to_its_body

messages = ApiBlueprint("messages", __name__, description="Send, edit and delete messages.")
_SEND_EXAMPLE = {"to": "bob", "subject": "Tonight", "body": "The train leaves at 18:04."}
_EDIT_EXAMPLE = {"body": "The train leaves at 18:14."}
_MESSAGE_ID = {
    "in": "path",
    "name": "message_id",
    "required": True,
    "description": "The message's id.",
    "schema": {"type": "string", "format": "uuid"},
    "example": "01990f5e-7c1a-7b3e-9f60-31aa5d7a4c09",
}


@messages.route("/messages", methods=["POST"], parameters=[PREFER, *REQUEST_HEADERS])
@messages.arguments(SendMessageSchema, example=_SEND_EXAMPLE)
@accepts(messages, AcceptedSchema, "recipient-unknown", example=ACCEPTED_EXAMPLE)
@shows(messages, 201, "The message, applied within the time that was asked for.")
@messages.links(202, **ABOUT_MESSAGE)
def post_message(fields: dict[str, Any]) -> Response:
    """Send a message.

    The conversation with the recipient begins with its first message.
    """
    context = context_of(fields)
    answer = send_message(SendMessage(**fields), context)
    return applied_or_accepted(answer, context, status=201)


@messages.route("/messages/<uuid:message_id>", parameters=[_MESSAGE_ID, *REQUEST_HEADERS])
class Message(MethodView):
    """One message."""

    init_every_request = False

    @messages.arguments(EditMessageSchema, example=_EDIT_EXAMPLE)
    @messages.doc(parameters=[PREFER])
    @accepts(messages, AcceptedSchema, example=ACCEPTED_EXAMPLE)
    @shows(messages, 200, "The message, edited within the time that was asked for.")
    @messages.links(202, **ABOUT_MESSAGE)
    def patch(self, fields: dict[str, Any], message_id: UUID) -> Response:
        """Edit a message of one's own.

        Whether it exists and is one's own is decided when the event is applied; if not, its
        status becomes `rejected`.
        """
        command = EditMessage(message_id=MessageId(message_id), changes=cast("Changes", fields))
        context = context_of(fields)
        return applied_or_accepted(edit_message(command, context), context, status=200)

    @sees_to_its_body
    @messages.arguments(DeletionSchema, location="query")
    @accepts(messages, AcceptedSchema, example=ACCEPTED_EXAMPLE)
    @messages.links(202, event=TO_EVENT)
    def delete(self, fields: dict[str, Any], message_id: UUID) -> Response:
        """Delete a message for everyone or, with `?for=me`, from one's own sight alone.

        Whether it exists and is one's own is decided when the event is applied; if not, its
        status becomes `rejected`.
        """
        # Passed over, a body of {"for": "me"} would delete the message for everyone.
        refuse_body("A deletion has no body: `?for=me` deletes for yourself alone.")
        command = DeleteMessage(message_id=MessageId(message_id), **fields)
        return accepted(delete_message(command, context_of({"for": command.audience})))
