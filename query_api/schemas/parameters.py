"""What a query may ask in its address and headers."""

from __future__ import annotations

from typing import Any

from marshmallow import validate

from web.paging import limit_field
from web.strict_json import QueryInteger, StrictSchema, Text

LONGEST_QUESTION = 200
_LARGEST_POSITION = 2**31 - 1


def _include_field() -> Text:
    return Text(
        validate=validate.OneOf(["deleted"]),
        metadata={"description": "`deleted`: with tombstones of messages deleted for everyone."},
    )


def _after_field() -> QueryInteger:
    return QueryInteger(
        least=0,
        # The link to what is older is one above it.
        most=_LARGEST_POSITION - 1,
        metadata={"description": "Only positions above this one."},
    )


def _cursor_field() -> Text:
    return Text(
        metadata={
            "description": "From `next` or `prev` of another page of this list.",
            "format": "cursor",
        },
    )


class ConversationsQuery(StrictSchema):
    """Which page of the list of conversations."""

    limit = limit_field()
    cursor = _cursor_field()


class SearchQuery(StrictSchema):
    """Which words to look for, and with whom."""

    q = Text(
        required=True,
        least=1,
        most=LONGEST_QUESTION,
        metadata={
            "description": "The words, all of which a message must hold.",
            "example": "noon meet",
        },
    )
    peer = Text(
        data_key="with",
        metadata={"description": "A username: only the conversation with this user."},
    )
    limit = limit_field()
    cursor = _cursor_field()


class MessagesQuery(StrictSchema):
    """Which messages of a conversation."""

    limit = limit_field()
    before = QueryInteger(
        least=1,
        most=_LARGEST_POSITION,
        metadata={"description": "Only positions below this one; the newest of them, alone."},
    )
    after = _after_field()
    include = _include_field()


class LastQuery(StrictSchema):
    """Whose last message."""

    sender = Text(
        data_key="from",
        validate=validate.OneOf(["any"]),
        metadata={"description": "`any`: the last message of either, not of the other alone."},
    )


class UnreadQuery(StrictSchema):
    """Which of the unread messages."""

    limit = limit_field()
    after = _after_field()


class MessageQuery(StrictSchema):
    """In which form to show a message."""

    include = _include_field()


class EventQuery(StrictSchema):
    """By what the event is known while the log does not know it."""

    token = Text(
        metadata={
            "description": "The consistency token that its command was answered with.",
            "format": "consistency-token",
        },
    )


HEADERS: dict[str, dict[str, Any]] = {
    "Consistency-Token": {
        "description": (
            "Tokens of earlier commands, comma-separated. The answer shows their effect, or is"
            " 503 `not-yet-visible`."
        ),
        "schema": {"type": "string", "format": "consistency-token"},
    },
    "Prefer": {
        "description": (
            "`wait=N`: seconds to wait for what the tokens stand for, 0 to 10, by default 2."
            " Without a token nothing is waited for."
        ),
        "schema": {"type": "string", "examples": ["wait=5"]},
    },
    "If-None-Match": {
        "description": "Entity tags of answers at hand: 304 where one is still right.",
        "schema": {"type": "string"},
    },
}
PATH: dict[str, dict[str, Any]] = {
    "username": {
        "name": "username",
        "in": "path",
        "required": True,
        "description": "Of the other of the two, percent-encoded.",
        "schema": {"type": "string", "minLength": 1, "examples": ["bob"]},
    },
    "message_id": {
        "name": "message_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    },
    "event_id": {
        "name": "event_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    },
}
