"""The path `batch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from flask import Response

from command_api.handlers.batch import accept_batch
from command_api.handlers.commands import (
    Command,
    DeleteMessage,
    EditMessage,
    ReadConversation,
    SendMessage,
)
from command_api.problems import STATUSES
from command_api.routes.answers import batch_accepted
from command_api.routes.documentation import BATCH_EXAMPLE, OF_FIRST, REQUEST_HEADERS, accepts
from command_api.routes.requests import context_of
from command_api.schemas.answers import BatchAcceptedSchema
from command_api.schemas.batch import BY_TYPE, BatchSchema
from events.contracts.messages import Changes
from runtime.errors import MessagingError
from runtime.ids import MessageId
from web.blueprints import ApiBlueprint
from web.problems import InvalidFieldsError, as_problem
from web.storable import check_strings
from web.strict_schemas import StrictSchema, load

batch = ApiBlueprint("batch", __name__, description="Many commands in one request.")
MOST_BYTES = 1024 * 1024
_EXAMPLE = {
    "commands": [
        {"type": "send_message", "to": "bob", "body": "The train leaves at 18:04."},
        {"type": "read_conversation", "username": "bob", "up_to": 17},
    ]
}


def _edit(*, message_id: MessageId, **changes: Any) -> EditMessage:
    return EditMessage(message_id=message_id, changes=cast("Changes", changes))


_COMMANDS: Mapping[str, Callable[..., Command]] = {
    "send_message": SendMessage,
    "edit_message": _edit,
    "delete_message": DeleteMessage,
    "read_conversation": ReadConversation,
}


@batch.route("/batch", methods=["POST"], parameters=REQUEST_HEADERS)
@batch.arguments(BatchSchema, body_limit=MOST_BYTES, strings_checked=False, example=_EXAMPLE)
@accepts(batch, BatchAcceptedSchema, example=BATCH_EXAMPLE)
@batch.links(202, **OF_FIRST)
def post_batch(fields: dict[str, Any]) -> Response:
    """Give up to 500 commands at once.

    Each is accepted or refused by itself; `results` tells of each, in order. Those accepted go in
    together: if the event queue refuses, nothing is accepted. An `Idempotency-Key` covers all.
    """
    commands = [_read(item) for item in fields["commands"]]
    return batch_accepted(accept_batch(commands, context_of(fields), describe=_problem))


def _read(item: object) -> Command | MessagingError:
    try:
        check_strings(item)
        members = load(_schema_of(item), item)
    except InvalidFieldsError as error:
        return error
    return _COMMANDS[members.pop("type")](**members)


def _schema_of(item: object) -> StrictSchema:
    if not isinstance(item, dict):
        raise InvalidFieldsError({}, "A JSON object is expected.")
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in BY_TYPE:
        raise InvalidFieldsError({"type": [f"Give one of {', '.join(BY_TYPE)}."]})
    return BY_TYPE[kind]


def _problem(error: MessagingError) -> Mapping[str, object]:
    return as_problem(error, STATUSES)
