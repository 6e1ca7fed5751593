"""What the OpenAPI document says about every command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import marshmallow as ma

from web.blueprints import ApiBlueprint
from web.documents import LOCATION
from web.links import link, link_to
from web.message_schema import MESSAGE, MessageSchema

View = TypeVar("View", bound=Callable[..., Any])

_EVENT_ID = "01990f5e-7c1a-7b3e-9f60-2f1c5d7a8e11"
_MESSAGE_ID = "01990f5e-7c1a-7b3e-9f60-31aa5d7a4c09"
_OPAQUE = (
    "AQAAAAAAAAABAAMAAAGZD158GgAAAAAAAAAAAZkPXnwaez6fYC8cXXqOEQGZD11xTHPgkNkEqPHrUSMq"
    "R0tV7mB0c1l3xQzYd9Wn"
)
# In every request: the key that makes it repeatable, and what ties it to the client's own logs.
REQUEST_HEADERS: list[dict[str, Any]] = [
    {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "Makes the command repeatable: for 24 hours the same command with the same "
        "key has no second effect and gets the first answer. Quoted or bare; the account's own, "
        "whatever the session; a UUID does well. A command that was refused leaves its key free.",
        "schema": {
            "type": "string",
            "pattern": r'^(?:[!#-~](?:[ -~]{0,253}[!-~])?|"(?:[ !#-\[\]-~]|\\["\\]){1,255}")$',
        },
        "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    },
    {
        "in": "header",
        "name": "X-Request-ID",
        "description": "Kept in the answer, the event and the logs if it is of 1 to 128 "
        "characters `A-Z a-z 0-9 . _ -`; replaced if not.",
        "schema": {"type": "string"},
        "example": "my-client-4711",
    },
    {
        "in": "header",
        "name": "traceparent",
        "description": "W3C Trace Context; kept in the event if it is well-formed.",
        "schema": {"type": "string"},
        "example": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
]
PREFER: dict[str, Any] = {
    "in": "header",
    "name": "Prefer",
    "description": "`wait=N`: seconds to wait, 1 to 10, for the command to be applied: then the "
    "answer is its message. Without it nothing is waited for, and when the time is over the "
    "answer is 202. A busy service may answer 202 at once.",
    "schema": {"type": "string"},
    "example": "wait=5",
}
_LOCATION = {
    **LOCATION,
    "description": "Where the event's status is told.",
    "example": f"/query/v1/events/{_EVENT_ID}?token={_OPAQUE}",
}
_CONSISTENCY_TOKEN = {
    "description": "Send it with a query to see the command's effect.",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{100}$"},
    "example": _OPAQUE,
}
_CONSISTENCY_TOKENS = {
    "description": "One token for each partition concerned, comma-separated; missing where all "
    "commands were refused.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{100}(,[A-Za-z0-9_-]{100})*$"},
    "example": _OPAQUE,
}
_REPLAYED = {
    "description": "`true` where the command had been accepted before: this is that answer.",
    "schema": {"type": "string", "enum": ["true"]},
    "example": "true",
}
_MESSAGE_LOCATION = {
    **LOCATION,
    "description": "Where the message is.",
    "example": f"/query/v1/messages/{_MESSAGE_ID}",
}
_PREFERENCE_APPLIED = {
    "description": "The time that was granted: `wait=N` (RFC 7240).",
    "required": True,
    "schema": {"type": "string", "pattern": "^wait=([1-9]|10)$"},
    "example": "wait=5",
}
ACCEPTED_EXAMPLE: dict[str, Any] = {
    "event_id": _EVENT_ID,
    "message_id": _MESSAGE_ID,
    "status": "accepted",
    "accepted_at": "2026-03-01T12:00:00.123456Z",
    "consistency_token": _OPAQUE,
}
READ_EXAMPLE = {name: value for name, value in ACCEPTED_EXAMPLE.items() if name != "message_id"}
BATCH_EXAMPLE: dict[str, Any] = {
    "results": [
        ACCEPTED_EXAMPLE,
        {
            "type": "/problems/recipient-unknown",
            "title": "Recipient unknown",
            "status": 404,
            "detail": "No account has this username.",
            "instance": "/command/v1/batch",
            "request_id": "8b5c1d52-0d7e-4d0b-9df8-6b1f7e1f3a10",
        },
    ]
}
_PROBLEMS = (
    "idempotency-key-invalid",
    "idempotency-key-reused",
    "rate-exceeded",
    "queue-unavailable",
    "queue-full",
)


def accepts(
    blueprint: ApiBlueprint,
    schema: type[ma.Schema],
    *problems: str,
    example: dict[str, Any],
) -> Callable[[View], View]:
    """Document a command: its 202, and the problems that it has beside those of every command."""
    headers: dict[str, Any] = {
        "Consistency-Token": _CONSISTENCY_TOKENS,
        "Idempotent-Replayed": _REPLAYED,
    }
    if "results" not in example:
        headers |= {"Consistency-Token": _CONSISTENCY_TOKEN, "Location": _LOCATION}
    respond: Callable[[View], View] = blueprint.response(
        202, schema, description="Accepted.", headers=headers, example=example
    )
    mark: Callable[[View], View] = blueprint.problems(*_PROBLEMS, *problems)

    def document(view: View) -> View:
        return mark(respond(view))

    return document


def shows(blueprint: ApiBlueprint, status: int, description: str) -> Callable[[View], View]:
    """Document what a command answers to who waited for its effect."""
    return blueprint.alt_response(
        status,
        schema=MessageSchema,
        description=description,
        success=True,
        example=MESSAGE,
        headers={
            "Consistency-Token": _CONSISTENCY_TOKEN,
            "Idempotent-Replayed": _REPLAYED,
            "Location": _MESSAGE_LOCATION,
            "Preference-Applied": _PREFERENCE_APPLIED,
        },
    )


# What an accepted command gives the parameters for, here and among the queries.
TO_EVENT = link_to(
    "query",
    "events/{event_id}",
    "get",
    "What becomes of the command; the address is that of Location.",
    event_id="$response.body#/event_id",
    token="$response.body#/consistency_token",  # noqa: S106  # an expression
)
_MESSAGE = "$response.body#/message_id"
ABOUT_MESSAGE: dict[str, dict[str, Any]] = {
    "event": TO_EVENT,
    "message": link_to(
        "query",
        "messages/{message_id}",
        "get",
        "The message, once the command is applied.",
        message_id=_MESSAGE,
        **{"Consistency-Token": "$response.body#/consistency_token"},
    ),
    "edit": link("patch_message", "Edit it.", message_id=_MESSAGE),
    "delete": link("delete_message", "Delete it.", message_id=_MESSAGE),
}
OF_FIRST: dict[str, dict[str, Any]] = {
    "event": link_to(
        "query",
        "events/{event_id}",
        "get",
        "What becomes of the first command, where it was accepted.",
        event_id="$response.body#/results/0/event_id",
        token="$response.body#/results/0/consistency_token",  # noqa: S106  # an expression
    )
}
