"""What queries answer with, as the OpenAPI document tells it; `reads.answers` makes it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from web.message_schema import (
    MESSAGE,
    MessageSchema,
    number_field,
    text_field,
    time_field,
    uuid_field,
)


class PageSchema(Schema):
    """A page of a list."""

    next = text_field("Link to the next page; null where there is none.", null=True)
    prev = text_field("Link to the page before; null where there is none.", null=True)


class MessagePageSchema(PageSchema):
    """Messages, the oldest first; `next` leads to newer ones, `prev` to older ones."""

    items = fields.List(fields.Nested(MessageSchema), required=True)


class FoundPageSchema(PageSchema):
    """Messages, the newest first; `next` leads to older ones, `prev` to newer ones."""

    items = fields.List(fields.Nested(MessageSchema), required=True)


class ConversationSchema(Schema):
    """A conversation, as one of the two sees it."""

    conversation_id = uuid_field("Its id.")
    peer = fields.String(
        data_key="with",
        required=True,
        allow_none=True,
        metadata={"description": "The other of the two; null once that account is deleted."},
    )
    last_message = fields.Nested(
        MessageSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The last that you may see; null where you may see none."},
    )
    unread_count = number_field("How many messages to you are unread.")
    last_position = number_field("The highest position in the conversation.")
    read_position = number_field("Up to where you have read.")
    peer_read_position = number_field("Up to where the other has read.")


class ConversationPageSchema(PageSchema):
    """Conversations, the latest first."""

    items = fields.List(fields.Nested(ConversationSchema), required=True)


class UnreadConversationSchema(Schema):
    """How much of a conversation is unread."""

    peer = fields.String(
        data_key="with",
        required=True,
        allow_none=True,
        metadata={"description": "The other of the two; null once that account is deleted."},
    )
    unread_count = number_field("How many messages to you are unread.", least=1)
    first_unread_position = number_field("The position of the first of them.", least=1, null=True)


class UnreadSchema(Schema):
    """What you have yet to read; conversations without unread messages are left out."""

    total = number_field("How many messages are unread in all conversations.")
    conversations = fields.List(fields.Nested(UnreadConversationSchema), required=True)


class EventSchema(Schema):
    """What became of a command."""

    event_id = uuid_field("The event's id, from the command's answer.")
    type = text_field("The event's type and version; null until the log knows it.", null=True)
    status = fields.String(
        required=True,
        metadata={
            "description": (
                "`accepted`: safely queued; `applied`: it took effect; `rejected`: refused for"
                " `reason`; `failed`: set aside, an operator sees it."
            ),
            "enum": ["accepted", "applied", "rejected", "failed"],
        },
    )
    reason = fields.String(metadata={"description": "Why it was rejected or failed."})
    accepted_at = time_field("When the command was accepted.")
    applied_at = fields.String(
        metadata={"description": "When it took effect.", "format": "date-time"}
    )


MESSAGES: dict[str, Any] = {
    "items": [MESSAGE],
    "next": None,
    "prev": "/query/v1/conversations/bob/messages?limit=1&before=7",
}
FOUND: dict[str, Any] = {"items": [MESSAGE], "next": None, "prev": None}
UNREAD_MESSAGES: dict[str, Any] = {
    "items": [{**MESSAGE, "from": "bob", "to": "alice", "read_at": None}],
    "next": "/query/v1/conversations/bob/messages/unread?limit=1&after=7",
    "prev": None,
}
CONVERSATIONS: dict[str, Any] = {
    "items": [
        {
            "conversation_id": "9824df28-66ec-553a-8ba6-104284b2c4fc",
            "with": "bob",
            "last_message": MESSAGE,
            "unread_count": 2,
            "last_position": 7,
            "read_position": 5,
            "peer_read_position": 7,
        }
    ],
    "next": None,
    "prev": None,
}
UNREAD: dict[str, Any] = {
    "total": 2,
    "conversations": [{"with": "bob", "unread_count": 2, "first_unread_position": 6}],
}
EVENT: dict[str, Any] = {
    "event_id": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a12",
    "type": "message.sent.v1",
    "status": "applied",
    "accepted_at": "2026-01-31T10:15:42.123456Z",
    "applied_at": "2026-01-31T10:15:42.131208Z",
}
