"""Contracts about messages: sent, edited, deleted. The envelope's actor is who did it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, cast

from events.contracts.base import (
    Event,
    Payload,
    as_optional_text,
    as_text,
    as_uuid,
    read_field,
    read_flag,
)
from runtime.ids import AccountId, ConversationId, MessageId

Audience = Literal["everyone", "me"]
Changes = Mapping[Literal["body", "subject"], str | None]


@dataclass(frozen=True, kw_only=True)
class MessageSent(Event):
    """The actor sent a message to the recipient.

    Redacted, as the log keeps it once its text was erased, it has an empty body and no subject.
    """

    TYPE: ClassVar[str] = "message.sent"
    VERSION: ClassVar[int] = 1

    message_id: MessageId
    conversation_id: ConversationId
    recipient_id: AccountId
    body: str
    subject: str | None = None
    redacted: bool = False

    @property
    def conversation(self) -> ConversationId | None:
        """The conversation of sender and recipient."""
        return self.conversation_id

    @property
    def message(self) -> MessageId | None:
        """The message sent."""
        return self.message_id

    def payload(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        ids = {
            "message_id": str(self.message_id),
            "conversation_id": str(self.conversation_id),
            "recipient_id": str(self.recipient_id),
        }
        if self.redacted:
            return {**ids, "redacted": True}
        return {**ids, "body": self.body, "subject": self.subject}

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        """Read the fields; see `Event.from_payload`."""
        redacted = read_flag(payload, "redacted")
        return cls(
            message_id=MessageId(read_field(payload, "message_id", as_uuid)),
            conversation_id=ConversationId(read_field(payload, "conversation_id", as_uuid)),
            recipient_id=AccountId(read_field(payload, "recipient_id", as_uuid)),
            body="" if redacted else read_field(payload, "body", as_text),
            subject=None if redacted else read_field(payload, "subject", as_optional_text),
            redacted=redacted,
        )


@dataclass(frozen=True, kw_only=True)
class MessageEdited(Event):
    """The actor changed what `changes` names of a message: its body, its subject (null: none).

    Redacted, as the log keeps it once its text was erased, it names no change.
    """

    TYPE: ClassVar[str] = "message.edited"
    VERSION: ClassVar[int] = 1

    message_id: MessageId
    changes: Changes
    redacted: bool = False

    @property
    def message(self) -> MessageId | None:
        """The message edited."""
        return self.message_id

    def payload(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        if self.redacted:
            return {"message_id": str(self.message_id), "redacted": True}
        return {"message_id": str(self.message_id), "changes": dict(self.changes)}

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        """Read the fields; see `Event.from_payload`."""
        redacted = read_flag(payload, "redacted")
        return cls(
            message_id=MessageId(read_field(payload, "message_id", as_uuid)),
            changes={} if redacted else read_field(payload, "changes", _as_changes),
            redacted=redacted,
        )


@dataclass(frozen=True, kw_only=True)
class MessageDeleted(Event):
    """The actor deleted a message, for everyone or only from their own sight."""

    TYPE: ClassVar[str] = "message.deleted"
    VERSION: ClassVar[int] = 1

    message_id: MessageId
    audience: Audience

    @property
    def message(self) -> MessageId | None:
        """The message deleted."""
        return self.message_id

    def payload(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {"message_id": str(self.message_id), "for": self.audience}

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        """Read the fields; see `Event.from_payload`."""
        return cls(
            message_id=MessageId(read_field(payload, "message_id", as_uuid)),
            audience=read_field(payload, "for", _as_audience),
        )


def _as_audience(value: Any) -> Audience:
    if value not in ("everyone", "me"):
        raise ValueError("neither everyone nor me")
    return cast("Audience", value)


def _as_changes(value: Any) -> Changes:
    if not isinstance(value, dict) or not value or not value.keys() <= {"body", "subject"}:
        raise ValueError("names something other than body and subject, or nothing")
    if "body" in value:
        as_text(value["body"])
    as_optional_text(value.get("subject"))
    return cast("Changes", value)
