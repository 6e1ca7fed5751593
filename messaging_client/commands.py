"""Commands: each carries a key, so that it acts once however often it is sent."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, TypeVar
from uuid import UUID

import httpx

from messaging_client.caller import Caller, checked_wait, segment, understood
from messaging_client.errors import MessagingError, ProblemError
from messaging_client.queries import event_of
from messaging_client.receipts import (
    MessageReceipt,
    Receipt,
    message_receipt_of,
    receipt_of,
    result_of,
)
from messaging_client.transport import Call, document

For = Literal["everyone", "me"]
R = TypeVar("R", bound=Receipt)


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


# An edit leaves a field as it is, where None would take it away.
UNSET = Unset.UNSET


@dataclass(frozen=True, kw_only=True)
class SendMessage:
    """Send `body` to the user `to`."""

    to: str
    body: str
    subject: str | None = None

    def payload(self) -> dict[str, Any]:
        """Return the body of the request for it alone."""
        subject = {} if self.subject is None else {"subject": self.subject}
        return {"to": self.to, "body": self.body, **subject}

    def in_batch(self) -> dict[str, Any]:
        """Return its place in a batch."""
        return {"type": "send_message", **self.payload()}


@dataclass(frozen=True, kw_only=True)
class EditMessage:
    """Change body, subject or both of a message of one's own; a subject of None takes it away."""

    message_id: UUID | str
    body: str | Unset = UNSET
    subject: str | Unset | None = UNSET

    def payload(self) -> dict[str, Any]:
        """Return the body of the request for it alone."""
        fields = {"body": self.body, "subject": self.subject}
        return {name: value for name, value in fields.items() if value is not UNSET}

    def in_batch(self) -> dict[str, Any]:
        """Return its place in a batch."""
        return {"type": "edit_message", "message_id": _id(self.message_id), **self.payload()}


@dataclass(frozen=True, kw_only=True)
class DeleteMessage:
    """Delete a message: one's own for everyone, or any that one sees for oneself."""

    message_id: UUID | str
    for_: For = "everyone"

    def in_batch(self) -> dict[str, Any]:
        """Return its place in a batch."""
        named = {"type": "delete_message", "message_id": _id(self.message_id)}
        return named | ({} if self.for_ == "everyone" else {"for": self.for_})


@dataclass(frozen=True, kw_only=True)
class ReadConversation:
    """Mark the conversation with a user as read up to a position."""

    username: str
    up_to: int

    def in_batch(self) -> dict[str, Any]:
        """Return its place in a batch."""
        return {"type": "read_conversation", "username": self.username, "up_to": self.up_to}


Command = SendMessage | EditMessage | DeleteMessage | ReadConversation


class CommandCalls:
    """What one may order.

    Keywords of every call:

    - `key`: the Idempotency-Key, 1 to 255 characters; by default a new one for each call.
    - `wait` (not of `batch`): for how many seconds, 0 to 10, to wait until it is applied.
    """

    _caller: Caller

    def send_message(
        self,
        to: str,
        body: str,
        subject: str | None = None,
        *,
        key: str | None = None,
        wait: int = 0,
    ) -> MessageReceipt:
        """Send a message.

        Raises:
            RecipientUnknownError: No account has the username `to`.
            InvalidFieldsError: The body is empty or too long, or `to` is oneself.
        """
        payload = SendMessage(to=to, body=body, subject=subject).payload()
        call = Call(method="POST", path="/command/v1/messages", json=payload)
        return self._message_command(call, key=key, wait=wait)

    def edit_message(
        self,
        message_id: UUID | str,
        *,
        body: str | Unset = UNSET,
        subject: str | Unset | None = UNSET,
        key: str | None = None,
        wait: int = 0,
    ) -> MessageReceipt:
        """Change body, subject or both of a message of one's own.

        Raises:
            InvalidFieldsError: Neither is given, or one is not allowed.
        """
        payload = EditMessage(message_id=message_id, body=body, subject=subject).payload()
        call = Call(method="PATCH", path=_message_path(message_id), json=payload)
        return self._message_command(call, key=key, wait=wait)

    def delete_message(
        self,
        message_id: UUID | str,
        *,
        for_: For = "everyone",
        key: str | None = None,
        wait: int = 0,
    ) -> MessageReceipt:
        """Delete a message: one's own for everyone, or any that one sees for oneself alone."""
        params = {"for": for_} if for_ != "everyone" else None
        call = Call(method="DELETE", path=_message_path(message_id), params=params)
        seconds = checked_wait(wait)
        return self._settled(message_receipt_of(self._give(call, key=key)), seconds)

    def read_conversation(
        self, username: str, up_to: int, *, key: str | None = None, wait: int = 0
    ) -> Receipt:
        """Mark the conversation with a user as read up to a position.

        Raises:
            RecipientUnknownError: No account has this username.
        """
        path = f"/command/v1/conversations/{segment(username)}/read"
        call = Call(method="POST", path=path, json={"up_to": up_to})
        seconds = checked_wait(wait)
        return self._settled(receipt_of(self._give(call, key=key)), seconds)

    def batch(
        self, commands: Sequence[Command], *, key: str | None = None
    ) -> tuple[Receipt | ProblemError, ...]:
        """Give 1 to 500 commands at once; return the receipt or the problem of each, in order."""
        body = {"commands": [command.in_batch() for command in commands]}
        answer = self._give(Call(method="POST", path="/command/v1/batch", json=body), key=key)
        return understood(
            lambda told: tuple(result_of(one, answer) for one in told["results"]),
            document(answer),
        )

    def _give(self, call: Call, *, key: str | None, wait: int = 0) -> httpx.Response:
        # Made once for all attempts of the call: that is what makes a repetition harmless.
        headers = {"Idempotency-Key": uuid.uuid4().hex if key is None else key}
        if wait:
            headers["Prefer"] = f"wait={wait}"
        return self._caller.command(replace(call, headers=headers, longer_s=wait))

    def _message_command(self, call: Call, *, key: str | None, wait: int) -> MessageReceipt:
        """Give a command whose answer is the message, if the service could wait for it."""
        return message_receipt_of(self._give(call, key=key, wait=checked_wait(wait)))

    def _settled(self, receipt: R, seconds: int) -> R:
        """Return the receipt with what became of the command, if that is wanted and can be told."""
        if not seconds or receipt.event_id is None:
            return receipt
        # The command is accepted, whatever becomes of this question.
        with suppress(MessagingError):
            token = receipt.consistency_token
            event = event_of(self._caller, receipt.event_id, token=token, wait=seconds)
            return replace(receipt, outcome=event)
        return receipt


def _id(value: UUID | str) -> str:
    return str(UUID(str(value)))


def _message_path(message_id: UUID | str) -> str:
    return f"/command/v1/messages/{_id(message_id)}"
