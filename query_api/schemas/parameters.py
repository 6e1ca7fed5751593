"""What a query may ask in its address and headers."""

from __future__ import annotations

from typing import Any

from marshmallow import validate

from web.paging import limit_field
from web.strict_schemas import QueryInteger, StrictSchema, Text

LONGEST_QUESTION = 200
_LARGEST_POSITION = 2**31 - 1
_OPAQUE = (
    "AQAAAAAAAAABAAMAAAGZD158GgAAAAAAAAAAAZkPXnwaez6fYC8cXXqOEQGZD11xTHPgkNkEqPHrUSMq"
    "R0tV7mB0c1l3xQzYd9Wn"
)


def _include_field() -> Text:
    return Text(
        validate=validate.OneOf(["deleted"]),
        metadata={
            "description": "`deleted`: with tombstones of messages deleted for everyone.",
            "example": "deleted",
        },
    )


def _after_field() -> QueryInteger:
    return QueryInteger(
        least=0,
        # The link to what is older is one above it.
        most=_LARGEST_POSITION - 1,
        metadata={"description": "Only positions above this one.", "example": 6},
    )


def _cursor_field() -> Text:
    return Text(
        metadata={
            "description": "From `next` or `prev` of another page of this list.",
            "format": "cursor",
            "pattern": "^[A-Za-z0-9_-]{16,1024}$",
            "example": "WyJvbGRlciIsMTc2OTg1NDU0MjEyMzQ1Nl0",
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
        metadata={
            "description": "A username: only the conversation with this user.",
            "example": "bob",
        },
    )
    limit = limit_field()
    cursor = _cursor_field()


class MessagesQuery(StrictSchema):
    """Which messages of a conversation."""

    limit = limit_field()
    before = QueryInteger(
        least=1,
        most=_LARGEST_POSITION,
        metadata={
            "description": "Only positions below this one; the newest of them, alone.",
            "example": 7,
        },
    )
    after = _after_field()
    include = _include_field()


class LastQuery(StrictSchema):
    """Whose last message."""

    sender = Text(
        data_key="from",
        validate=validate.OneOf(["any"]),
        metadata={
            "description": "`any`: the last message of either, not of the other alone.",
            "example": "any",
        },
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
            "pattern": "^[A-Za-z0-9_-]{100}$",
            "example": _OPAQUE,
        },
    )


HEADERS: dict[str, dict[str, Any]] = {
    "Consistency-Token": {
        "description": (
            "Tokens of earlier commands, comma-separated. The answer shows their effect, or is"
            " 503 `not-yet-visible`."
        ),
        "schema": {
            "type": "string",
            "format": "consistency-tokens",
            "pattern": r"^[A-Za-z0-9_-]{100}([ \t]*,[ \t]*[A-Za-z0-9_-]{100}){0,99}$",
        },
        "example": _OPAQUE,
    },
    "Prefer": {
        "description": (
            "`wait=N`: seconds to wait for what the tokens stand for, 0 to 10, by default 2."
            " Without a token nothing is waited for."
        ),
        "schema": {"type": "string"},
        "example": "wait=5",
    },
    "If-None-Match": {
        "description": "Entity tags of answers at hand: 304 where one is still right.",
        "schema": {"type": "string"},
        "example": 'W/"2cf24dba5fb0a30e26e83b2ac5b9e2"',
    },
}
PATH: dict[str, dict[str, Any]] = {
    "username": {
        "name": "username",
        "in": "path",
        "required": True,
        "description": "Of the other of the two, percent-encoded.",
        "schema": {"type": "string", "minLength": 1},
        "example": "bob",
    },
    "message_id": {
        "name": "message_id",
        "in": "path",
        "required": True,
        "description": "The message's id.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a11",
    },
    "event_id": {
        "name": "event_id",
        "in": "path",
        "required": True,
        "description": "The event's id, from the command's answer.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a12",
    },
}
