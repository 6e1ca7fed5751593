"""What each version of each event looks like as JSON, as marshmallow schemas.

They describe: the AsyncAPI document and the record of the contracts are made from them, and tests
hold the decoding by hand to them. No event is read or written through them. A version that was
ever written stays here for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validate, validates_schema

from events.contracts.envelope import READERS

_STORABLE = validate.Regexp(r"^[^\u0000]*$", error="Holds a NUL.")
_ANY_POSITION = validate.Range(min=0, max=2**63 - 1)


class _Whole(fields.Integer):
    def _validated(self, value: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class _True(fields.Boolean):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value is not True:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


def _says(text: str) -> dict[str, str]:
    return {"description": text}


def _id(of: str) -> fields.UUID:
    return fields.UUID(required=True, metadata=_says(f"The id of {of}."))


def _redacted() -> fields.Boolean:
    return _True(
        required=True,
        validate=validate.Equal(comparable=True),
        metadata=_says("The text was erased; the ids stay."),
    )


class Payload(Schema):
    """The fields of an event; readers ignore those that they do not know."""

    class Meta:
        unknown = INCLUDE


class MessageSentV1(Payload):
    """A person sent a message to another."""

    message_id = _id("the message")
    conversation_id = _id("the conversation of sender and recipient")
    recipient_id = _id("the recipient's account")
    body = fields.String(required=True, validate=_STORABLE, metadata=_says("What it says."))
    subject = fields.String(
        required=True, allow_none=True, validate=_STORABLE, metadata=_says("Null: none.")
    )


class MessageSentV1Redacted(Payload):
    """A message that was sent, after its text was erased."""

    message_id = _id("the message")
    conversation_id = _id("the conversation of sender and recipient")
    recipient_id = _id("the recipient's account")
    redacted = _redacted()


class Changes(Schema):
    """What an edit changes; what it does not name stays."""

    class Meta:
        unknown = RAISE

    body = fields.String(validate=_STORABLE, metadata=_says("The new body."))
    subject = fields.String(
        allow_none=True, validate=_STORABLE, metadata=_says("The new subject; null: none.")
    )

    @validates_schema
    def _names_something(self, data: Mapping[str, Any], **_: object) -> None:
        if not data:
            raise ValidationError("Names nothing.")


class MessageEditedV1(Payload):
    """Its sender changed a message."""

    message_id = _id("the message")
    changes = fields.Nested(
        Changes, required=True, metadata={"minProperties": 1, **_says("What changed.")}
    )


class MessageEditedV1Redacted(Payload):
    """An edit, after its text was erased."""

    message_id = _id("the message")
    redacted = _redacted()


class MessageDeletedV1(Payload):
    """A person deleted a message, for everyone or only from their own sight."""

    message_id = _id("the message")
    audience = fields.String(
        required=True,
        data_key="for",
        validate=validate.OneOf(["everyone", "me"]),
        metadata=_says("From whose sight."),
    )


class ConversationReadV1(Payload):
    """A person read a conversation up to a position."""

    conversation_id = _id("the conversation")
    peer_id = _id("the account of the other party")
    up_to = _Whole(
        required=True,
        strict=True,
        validate=_ANY_POSITION,
        metadata=_says("The position; beyond the last means up to the last."),
    )


class AccountDeletedV1(Payload):
    """An account was deleted by its owner; each partition gets an event of its own."""

    account_id = _id("the account")
    partition = _Whole(
        required=True,
        strict=True,
        validate=_ANY_POSITION,
        metadata=_says("The partition that this event concerns, below `partitions`."),
    )
    partitions = _Whole(
        required=True,
        strict=True,
        validate=_ANY_POSITION,
        metadata=_says("How many partitions there are."),
    )

    @validates_schema
    def _partition_is_one_of_them(self, data: Mapping[str, Any], **_: object) -> None:
        if data["partition"] >= data["partitions"]:
            raise ValidationError("Not one of its partitions.")


class AccountDeletedV2(AccountDeletedV1):
    """An account was deleted; each partition gets an event of its own."""

    ordered_by = fields.String(
        required=True,
        validate=validate.OneOf(["owner", "operator"]),
        metadata=_says("Who ordered it."),
    )


class CanarySentV1(Payload):
    """The service sent itself an event through one partition, to see that it arrives."""

    partition = _Whole(
        required=True,
        strict=True,
        validate=_ANY_POSITION,
        metadata=_says("The partition that it goes through, below `partitions`."),
    )
    partitions = _Whole(
        required=True,
        strict=True,
        validate=_ANY_POSITION,
        metadata=_says("How many partitions there are."),
    )

    @validates_schema
    def _partition_is_one_of_them(self, data: Mapping[str, Any], **_: object) -> None:
        if data["partition"] >= data["partitions"]:
            raise ValidationError("Not one of its partitions.")


@dataclass(frozen=True, kw_only=True)
class Form:
    """A shape in which payloads of one version of a type are found.

    Attributes:
        type_name: The type and version, as in the envelope: `message.sent.v1`.
        schema: What it looks like.
        redacted: Whether its text was erased.
    """

    type_name: str
    schema: type[Payload]
    redacted: bool = False

    @property
    def name(self) -> str:
        """The form's own name, that of its golden file too: `message.sent.v1.redacted`."""
        return f"{self.type_name}.redacted" if self.redacted else self.type_name

    @property
    def deprecated(self) -> bool:
        """Whether a later version is written instead."""
        reader = READERS[self.type_name]
        return reader.version < reader.contract.VERSION

    def json_schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        described = _converter().schema2jsonschema(self.schema())
        title = {"title": self.name, "description": self.schema.__doc__}
        return {**title, **described, **({"deprecated": True} if self.deprecated else {})}


FORMS = (
    Form(type_name="message.sent.v1", schema=MessageSentV1),
    Form(type_name="message.sent.v1", schema=MessageSentV1Redacted, redacted=True),
    Form(type_name="message.edited.v1", schema=MessageEditedV1),
    Form(type_name="message.edited.v1", schema=MessageEditedV1Redacted, redacted=True),
    Form(type_name="message.deleted.v1", schema=MessageDeletedV1),
    Form(type_name="conversation.read.v1", schema=ConversationReadV1),
    Form(type_name="account.deleted.v1", schema=AccountDeletedV1),
    Form(type_name="account.deleted.v2", schema=AccountDeletedV2),
    Form(type_name="canary.sent.v1", schema=CanarySentV1),
)


@cache
def _converter() -> Any:
    # A nested schema is described in its place: a form's record is one piece.
    plugin = MarshmallowPlugin(schema_name_resolver=lambda _: "")
    APISpec("events", "1", "3.1.0", plugins=[plugin])
    return plugin.converter
