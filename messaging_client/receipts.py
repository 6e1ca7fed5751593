"""What commands are answered with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import httpx

from messaging_client.caller import understood
from messaging_client.errors import ProblemError, problem_error
from messaging_client.models import Event, Json, Message
from messaging_client.transport import document

_ACCEPTED = 202


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a command was answered with: it is on disk and will be applied, or rejected.

    Attributes:
        message_id: The message that it speaks of; None for `read_conversation`.
        event_id: Its event; None where the answer is the message itself.
        accepted_at: When it was accepted; None as above.
        consistency_token: What makes a query, anybody's, show its effect.
        message: The message as it now is, where `wait` was given and long enough.
        outcome: What became of it, where `wait` was given to a delete or a read.
        replayed: Whether an earlier attempt with the same key had been accepted already.
        request_id: The answer's `X-Request-ID`.
    """

    message_id: UUID | None
    event_id: UUID | None
    accepted_at: datetime | None
    consistency_token: str = field(repr=False)
    message: Message | None = None
    outcome: Event | None = None
    replayed: bool = False
    request_id: str = ""


def receipt_of(answer: httpx.Response) -> Receipt:
    """Return what the answer to one command says: that it is accepted, or the message itself."""
    request_id = answer.headers.get("X-Request-ID", "")
    replayed = "Idempotent-Replayed" in answer.headers
    if answer.status_code == _ACCEPTED:
        return understood(
            lambda told: _accepted(told, request_id=request_id, replayed=replayed),
            document(answer),
        )
    message = understood(Message.of, document(answer))
    return Receipt(
        message_id=message.id,
        event_id=None,
        accepted_at=None,
        consistency_token=answer.headers.get("Consistency-Token", ""),
        message=message,
        replayed=replayed,
        request_id=request_id,
    )


def result_of(told: Json, request_id: str) -> Receipt | ProblemError:
    """Return what became of one command of a batch."""
    if told["status"] == "accepted":
        return _accepted(told, request_id=request_id, replayed=False)
    return problem_error(told, status=told["status"])


def _accepted(told: Json, *, request_id: str, replayed: bool) -> Receipt:
    message_id = told.get("message_id")
    return Receipt(
        message_id=None if message_id is None else UUID(message_id),
        event_id=UUID(told["event_id"]),
        accepted_at=datetime.fromisoformat(told["accepted_at"]),
        consistency_token=told["consistency_token"],
        replayed=replayed,
        request_id=request_id,
    )
