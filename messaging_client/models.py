"""What the service tells, as frozen dataclasses: ids are UUIDs, times are aware datetimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Json = Mapping[str, Any]
EventStatus = Literal["accepted", "applied", "rejected", "failed"]


def moment(text: str | None) -> datetime | None:
    """Return the time that `text` says, None for None."""
    return None if text is None else datetime.fromisoformat(text)


@dataclass(frozen=True, kw_only=True)
class Account:
    """One's own account."""

    id: UUID
    username: str
    email: str = field(repr=False)
    created_at: datetime

    @classmethod
    def of(cls, item: Json) -> Account:
        """Return what the document `item` describes."""
        return cls(
            id=UUID(item["id"]),
            username=item["username"],
            email=item["email"],
            created_at=datetime.fromisoformat(item["created_at"]),
        )


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """A deletion of an account that was accepted: its event, and when."""

    event_id: UUID
    accepted_at: datetime

    @classmethod
    def of(cls, item: Json) -> Deletion:
        """Return what the document `item` describes."""
        accepted_at = datetime.fromisoformat(item["accepted_at"])
        return cls(event_id=UUID(item["event_id"]), accepted_at=accepted_at)


@dataclass(frozen=True, kw_only=True)
class SessionInfo:
    """A session of one's own account; `current` if it is this client's."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    address: str
    current: bool

    @classmethod
    def of(cls, item: Json) -> SessionInfo:
        """Return what the document `item` describes."""
        return cls(
            id=UUID(item["id"]),
            created_at=datetime.fromisoformat(item["created_at"]),
            last_used_at=datetime.fromisoformat(item["last_used_at"]),
            user_agent=item["user_agent"],
            address=item["address"],
            current=item["current"],
        )


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message as one of the two sees it.

    Attributes:
        position: Its number within the conversation: 1, 2, 3 … without gaps.
        sender: A username; None once the account is deleted.
        recipient: As `sender`.
        subject: None where it has none, or is deleted.
        body: None where it is deleted.
    """

    id: UUID
    conversation_id: UUID
    position: int
    sender: str | None
    recipient: str | None
    subject: str | None
    body: str | None
    sent_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    read_at: datetime | None

    @classmethod
    def of(cls, item: Json) -> Message:
        """Return what the document `item` describes."""
        return cls(
            id=UUID(item["id"]),
            conversation_id=UUID(item["conversation_id"]),
            position=item["position"],
            sender=item["from"],
            recipient=item["to"],
            subject=item["subject"],
            body=item["body"],
            sent_at=datetime.fromisoformat(item["sent_at"]),
            edited_at=moment(item["edited_at"]),
            deleted_at=moment(item["deleted_at"]),
            read_at=moment(item["read_at"]),
        )


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A conversation as one of the two sees it.

    Attributes:
        peer: The other's username; None once that account is deleted.
        last_message: The last that one may see; None where there is none.
        unread_count: How many messages to oneself are unread.
        last_position: The highest position.
        read_position: Up to where one has read.
        peer_read_position: Up to where the other has read.
    """

    conversation_id: UUID
    peer: str | None
    last_message: Message | None
    unread_count: int
    last_position: int
    read_position: int
    peer_read_position: int

    @classmethod
    def of(cls, item: Json) -> Conversation:
        """Return what the document `item` describes."""
        last = item["last_message"]
        return cls(
            conversation_id=UUID(item["conversation_id"]),
            peer=item["with"],
            last_message=None if last is None else Message.of(last),
            unread_count=item["unread_count"],
            last_position=item["last_position"],
            read_position=item["read_position"],
            peer_read_position=item["peer_read_position"],
        )


@dataclass(frozen=True, kw_only=True)
class UnreadConversation:
    """How much of a conversation is unread, and where that begins."""

    peer: str | None
    unread_count: int
    first_unread_position: int | None

    @classmethod
    def of(cls, item: Json) -> UnreadConversation:
        """Return what the document `item` describes."""
        return cls(
            peer=item["with"],
            unread_count=item["unread_count"],
            first_unread_position=item["first_unread_position"],
        )


@dataclass(frozen=True, kw_only=True)
class Unread:
    """How many messages are unread in all, and in which conversations."""

    total: int
    conversations: tuple[UnreadConversation, ...]

    @classmethod
    def of(cls, item: Json) -> Unread:
        """Return what the document `item` describes."""
        listed = tuple(map(UnreadConversation.of, item["conversations"]))
        return cls(total=item["total"], conversations=listed)


@dataclass(frozen=True, kw_only=True)
class Event:
    """What became of a command; `reason` says why it was rejected or has failed."""

    event_id: UUID
    type: str
    status: EventStatus
    reason: str | None
    accepted_at: datetime
    applied_at: datetime | None

    @classmethod
    def of(cls, item: Json) -> Event:
        """Return what the document `item` describes."""
        return cls(
            event_id=UUID(item["event_id"]),
            type=item["type"],
            status=item["status"],
            reason=item.get("reason"),
            accepted_at=datetime.fromisoformat(item["accepted_at"]),
            applied_at=moment(item.get("applied_at")),
        )
