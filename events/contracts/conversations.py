"""Contracts about conversations: read. The envelope's actor is who read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from events.contracts.base import Event, Payload, as_position, as_uuid, read_field
from runtime.ids import AccountId, ConversationId


@dataclass(frozen=True, kw_only=True)
class ConversationRead(Event):
    """The actor read a conversation up to a position; beyond the last means up to the last."""

    TYPE: ClassVar[str] = "conversation.read"
    VERSION: ClassVar[int] = 1

    conversation_id: ConversationId
    peer_id: AccountId
    up_to: int

    @property
    def conversation(self) -> ConversationId | None:
        """The conversation read."""
        return self.conversation_id

    def payload(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {
            "conversation_id": str(self.conversation_id),
            "peer_id": str(self.peer_id),
            "up_to": self.up_to,
        }

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        """Read the fields; see `Event.from_payload`."""
        return cls(
            conversation_id=ConversationId(read_field(payload, "conversation_id", as_uuid)),
            peer_id=AccountId(read_field(payload, "peer_id", as_uuid)),
            up_to=read_field(payload, "up_to", as_position),
        )
