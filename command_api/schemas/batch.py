"""Batches: the same commands, each with its type and what else a path would say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from command_api.schemas.commands import (
    DeletionSchema,
    EditMessageSchema,
    ReadConversationSchema,
    SendMessageSchema,
    username_field,
)
from web.storable import check_strings
from web.strict_schemas import StrictSchema, StrictUuid

MOST_COMMANDS = 500


def _type(name: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf([name]))


def _message_id() -> StrictUuid:
    return StrictUuid(required=True, metadata={"description": "The message's id."})


class BatchSendSchema(SendMessageSchema):
    """In a batch: send a message."""

    type = _type("send_message")


class BatchEditSchema(EditMessageSchema):
    """In a batch: edit a message."""

    type = _type("edit_message")
    message_id = _message_id()


class BatchDeletionSchema(DeletionSchema):
    """In a batch: delete a message."""

    type = _type("delete_message")
    message_id = _message_id()


class BatchReadSchema(ReadConversationSchema):
    """In a batch: mark a conversation as read up to a position."""

    type = _type("read_conversation")
    username = username_field("The other account of the conversation.")


BY_TYPE: Mapping[str, StrictSchema] = {
    "send_message": BatchSendSchema(),
    "edit_message": BatchEditSchema(),
    "delete_message": BatchDeletionSchema(),
    "read_conversation": BatchReadSchema(),
}
COMPONENTS: Mapping[str, StrictSchema] = {
    type(schema).__name__.removesuffix("Schema"): schema for schema in BY_TYPE.values()
}
# What marshmallow cannot say of a schema: an edit names a field, beside its type and message.
LEAST_MEMBERS: Mapping[str, int] = {"EditMessage": 1, "BatchEdit": 3}


class BatchSchema(StrictSchema):
    """Many commands; each is looked at by itself."""

    commands = fields.List(
        # Not nested: a bad command must not make the batch a bad one.
        fields.Raw(
            allow_none=True,
            metadata={
                "anyOf": [
                    *({"$ref": f"#/components/schemas/{name}"} for name in COMPONENTS),
                    {"description": "Anything else gets a problem of its own."},
                ]
            },
        ),
        required=True,
        validate=validate.Length(1, MOST_COMMANDS, error=f"Give 1 to {MOST_COMMANDS} commands."),
    )

    @ma.pre_load
    def check_names(self, data: Any, **_options: object) -> Any:
        """Refuse fields whose names cannot even be told; commands are looked at one by one."""
        if isinstance(data, dict):
            check_strings(dict.fromkeys(data))
        return data
