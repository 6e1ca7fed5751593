"""The orders that clients give; each may be refused."""

from __future__ import annotations

from dataclasses import dataclass

from events.contracts.messages import Audience, Changes
from runtime.ids import MessageId


@dataclass(frozen=True, kw_only=True)
class SendMessage:
    """Send a message to the account whose username is `to`."""

    to: str
    body: str
    subject: str | None = None


@dataclass(frozen=True, kw_only=True)
class EditMessage:
    """Change of a message what `changes` names."""

    message_id: MessageId
    changes: Changes


@dataclass(frozen=True, kw_only=True)
class DeleteMessage:
    """Delete a message for everyone, or only from one's own sight."""

    message_id: MessageId
    audience: Audience = "everyone"


@dataclass(frozen=True, kw_only=True)
class ReadConversation:
    """Mark the conversation with the account `username` as read up to a position."""

    username: str
    up_to: int


Command = SendMessage | EditMessage | DeleteMessage | ReadConversation
