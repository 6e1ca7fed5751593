"""What commands are answered with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from messaging_client.caller import understood
from messaging_client.errors import ProblemError, problem_error
from messaging_client.models import Event, Json, Message
from messaging_client.transport import document

_ACCEPTED = 202
_REPLAYED = "Idempotent-Replayed"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a command was answered with: it is on disk and will be applied, or rejected.

    Attributes:
        event_id: Its event; None where the answer is the message itself.
        accepted_at: When it was accepted; None as above.
        consistency_token: What makes a query, anybody's, show its effect.
        outcome: What became of it, where `wait` was given to a delete or a read.
        replayed: Whether an earlier attempt with the same key had been accepted already.
        request_id: The answer's `X-Request-ID`.
    """

    event_id: UUID | None
    accepted_at: datetime | None
    consistency_token: str = field(repr=False)
    outcome: Event | None = None
    replayed: bool = False
    request_id: str = ""


@dataclass(frozen=True, kw_only=True)
class MessageReceipt(Receipt):
    """What a command about one message was answered with.

    Attributes:
        message_id: The message.
        message: The message as it now is, where `wait` was given and long enough.
    """

    message_id: UUID
    message: Message | None = None


def receipt_of(answer: httpx.Response) -> Receipt:
    """Return what the answer to a command about no single message says."""
    return understood(lambda told: Receipt(**_members(told, answer)), document(answer))


def message_receipt_of(answer: httpx.Response) -> MessageReceipt:
    """Return what the answer to a command says: that it is accepted, or the message itself."""
    if answer.status_code == _ACCEPTED:
        return understood(
            lambda told: MessageReceipt(
                message_id=UUID(told["message_id"]), **_members(told, answer)
            ),
            document(answer),
        )
    message = understood(Message.of, document(answer))
    return MessageReceipt(
        message_id=message.id,
        event_id=None,
        accepted_at=None,
        consistency_token=answer.headers.get("Consistency-Token", ""),
        message=message,
        replayed=_REPLAYED in answer.headers,
        request_id=answer.headers.get("X-Request-ID", ""),
    )


def result_of(told: Json, answer: httpx.Response) -> Receipt | ProblemError:
    """Return what became of one command of the batch that was answered."""
    if told["status"] != "accepted":
        return problem_error(told, status=told["status"])
    members = _members(told, answer)
    if "message_id" in told:
        return MessageReceipt(message_id=UUID(told["message_id"]), **members)
    return Receipt(**members)


def _members(told: Json, answer: httpx.Response) -> dict[str, Any]:
    return {
        "event_id": UUID(told["event_id"]),
        "accepted_at": datetime.fromisoformat(told["accepted_at"]),
        "consistency_token": told["consistency_token"],
        "replayed": _REPLAYED in answer.headers,
        "request_id": answer.headers.get("X-Request-ID", ""),
    }
