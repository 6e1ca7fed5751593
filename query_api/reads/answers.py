"""What reads answer with: plain values in the order and under the names of the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from query_api.reads.replica import Row
from runtime.ids import Position

Message = TypedDict(
    "Message",
    {
        "id": str,
        "conversation_id": str,
        "position": int,
        "from": str | None,
        "to": str | None,
        "subject": str | None,
        "body": str | None,
        "sent_at": str,
        "edited_at": str | None,
        "deleted_at": str | None,
        "read_at": str | None,
    },
)
ConversationItem = TypedDict(
    "ConversationItem",
    {
        "conversation_id": str,
        "with": str | None,
        "last_message": Message | None,
        "unread_count": int,
        "last_position": int,
        "read_position": int,
        "peer_read_position": int,
    },
)
UnreadItem = TypedDict(
    "UnreadItem", {"with": str | None, "unread_count": int, "first_unread_position": int | None}
)


class Unread(TypedDict):
    """What an account has yet to read."""

    total: int
    conversations: list[UnreadItem]


class EventStatus(TypedDict, total=False):
    """What became of a command; `reason` and `applied_at` only where there are such."""

    event_id: str
    type: str | None
    status: str
    reason: str
    accepted_at: str
    applied_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessagePage:
    """Messages in order, and where the next page in either direction starts, if there is one.

    Attributes:
        items: The messages, the oldest first.
        newer: Ask for those after this position.
        older: Ask for those before this position.
    """

    items: list[Message]
    newer: Position | None = None
    older: Position | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """The usernames of the two of a conversation, as one of them sees it."""

    me: str | None
    peer: str | None


def message(columns: Row, conversation_id: str, names: Names) -> Message:
    """Return the message that `statements.message_columns` selected."""
    id_, position, mine, subject, body, sent_at, edited_at, deleted_at, read_at = columns
    return {
        "id": id_,
        "conversation_id": conversation_id,
        "position": position,
        "from": names.me if mine else names.peer,
        "to": names.peer if mine else names.me,
        "subject": subject,
        "body": body,
        "sent_at": sent_at,
        "edited_at": edited_at,
        "deleted_at": deleted_at,
        "read_at": read_at,
    }
