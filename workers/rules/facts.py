"""The facts that decisions need: loaded once for a batch, then carried along by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from runtime.ids import AccountId, ConversationId, MessageId


@dataclass(kw_only=True, slots=True)
class MessageFacts:
    """What is known of a message when an event about it is decided."""

    conversation_id: ConversationId
    sender_id: AccountId
    recipient_id: AccountId
    deleted: bool = False
    hidden_for_sender: bool = False
    hidden_for_recipient: bool = False

    def hidden_for(self, account: AccountId) -> bool:
        """Whether `account`, one of the two, deleted the message from their own sight."""
        return self.hidden_for_sender if account == self.sender_id else self.hidden_for_recipient


@dataclass(kw_only=True, slots=True)
class Facts:
    """What a batch's events are decided by; each decision updates it for the next.

    Attributes:
        last_positions: Of each conversation the highest position handed out.
        read_positions: Of each conversation and reader how far they read.
        messages: The messages that events of the batch name.
        parked: Conversations and messages whose events wait behind a dead letter.
        known: Events that the log has already.
        deleted: Accounts whose deletion is applied in this partition.
    """

    last_positions: dict[ConversationId, int] = field(default_factory=dict)
    read_positions: dict[tuple[ConversationId, AccountId], int] = field(default_factory=dict)
    messages: dict[MessageId, MessageFacts] = field(default_factory=dict)
    parked: set[UUID] = field(default_factory=set)
    known: set[UUID] = field(default_factory=set)
    deleted: set[AccountId] = field(default_factory=set)
