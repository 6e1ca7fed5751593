"""The message as clients see it, and the fields that answers are documented with."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

# RFC 3339 in UTC, to the microsecond.
TIME_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"


def text_field(description: str, *, null: bool = False, **more: object) -> fields.String:
    """Return a required string."""
    return fields.String(
        required=True, allow_none=null, metadata={"description": description, **more}
    )


def time_field(description: str, *, null: bool = False) -> fields.String:
    """Return a required time in RFC 3339."""
    return text_field(description, null=null, format="date-time", pattern=TIME_PATTERN)


def uuid_field(description: str) -> fields.String:
    """Return a required id."""
    return text_field(description, format="uuid")


def number_field(description: str, *, least: int = 0, null: bool = False) -> fields.Integer:
    """Return a required integer of at least `least`."""
    return fields.Integer(
        required=True, allow_none=null, metadata={"description": description, "minimum": least}
    )


class MessageSchema(Schema):
    """A message, as one of the two sees it."""

    id = uuid_field("Its id.")
    conversation_id = uuid_field("The conversation of the two.")
    position = number_field("Its number within the conversation: 1, 2, 3 … without gaps.", least=1)
    sender = fields.String(
        data_key="from",
        required=True,
        allow_none=True,
        metadata={"description": "Who sent it; null once that account is deleted."},
    )
    recipient = fields.String(
        data_key="to",
        required=True,
        allow_none=True,
        metadata={"description": "To whom; null once that account is deleted."},
    )
    subject = text_field("Null where it has none, or is deleted.", null=True, maxLength=200)
    body = text_field("Null where it is deleted.", null=True, minLength=1, maxLength=10_000)
    sent_at = time_field("When the command was accepted.")
    edited_at = time_field("When it was last edited; null if never.", null=True)
    deleted_at = time_field("When it was deleted for everyone; null if it is not.", null=True)
    read_at = time_field("When its recipient read it; null if not yet.", null=True)


MESSAGE: dict[str, Any] = {
    "id": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a11",
    "conversation_id": "9824df28-66ec-553a-8ba6-104284b2c4fc",
    "position": 7,
    "from": "alice",
    "to": "bob",
    "subject": None,
    "body": "Shall we meet at noon?",
    "sent_at": "2026-01-31T10:15:42.123456Z",
    "edited_at": None,
    "deleted_at": None,
    "read_at": "2026-01-31T10:16:03.000120Z",
}
