"""The bodies and queries of commands; each loads into the members that the client gave."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from web.strict_schemas import StrictInteger, StrictSchema, Text

LONGEST_BODY = 10_000
LONGEST_SUBJECT = 200
# A name may come longer than the 64 characters that it has once prepared.
_LONGEST_NAME = 256


def username_field(description: str) -> Text:
    """Return a field for a username in any form: that nobody has it, only the directory says."""
    return Text(required=True, least=1, most=_LONGEST_NAME, metadata={"description": description})


def _body(*, required: bool) -> Text:
    return Text(
        required=required,
        least=1,
        most=LONGEST_BODY,
        metadata={"description": "What is to be read; characters are Unicode code points."},
    )


def _subject(description: str) -> Text:
    return Text(most=LONGEST_SUBJECT, allow_none=True, metadata={"description": description})


def _audience() -> fields.String:
    return fields.String(
        data_key="for",
        validate=validate.OneOf(
            ["everyone", "me"], error="Give everyone or me, or leave it out for everyone."
        ),
        metadata={
            "description": "`everyone`, the default: only its sender may. `me`: either party may, "
            "and nobody else is told.",
            "default": "everyone",
            "example": "me",
        },
    )


class SendMessageSchema(StrictSchema):
    """A message to one other account."""

    to = username_field("The recipient's username.")
    body = _body(required=True)
    subject = _subject("What it is about; null, like leaving it out, for nothing.")


class EditMessageSchema(StrictSchema):
    """What is to change of a message; what is left out stays."""

    body = _body(required=False)
    subject = _subject("null takes the subject away.")

    @ma.validates_schema
    def names_a_field(self, data: dict[str, Any], **_options: object) -> None:
        """Refuse an edit that would change nothing."""
        if not data.keys() & {"body", "subject"}:
            raise ma.ValidationError("Give body, subject or both.")


class DeletionSchema(StrictSchema):
    """For whom a message is to be deleted."""

    audience = _audience()


class ReadConversationSchema(StrictSchema):
    """Up to where a conversation was read."""

    up_to = StrictInteger(
        required=True,
        least=1,
        metadata={
            "description": "The position of the last message read. Beyond the last message it "
            "means up to the last; a read position never goes back."
        },
    )
