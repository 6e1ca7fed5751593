"""A plain in-memory fold of events: slow, obvious, and what the read model must equal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from events.contracts.accounts import AccountDeleted
from events.contracts.base import Event
from events.contracts.conversations import ConversationRead
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from runtime.ids import AccountId, ConversationId, MessageId, Partition, partition_of


@dataclass
class ModelMessage:
    id: MessageId
    conversation_id: ConversationId
    position: int
    sender_id: AccountId
    recipient_id: AccountId
    subject: str | None
    body: str | None
    sent_at: datetime
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    read_at: datetime | None = None
    hidden_for: set[AccountId] = field(default_factory=set)

    def visible_to(self, account: AccountId) -> bool:
        return self.deleted_at is None and account not in self.hidden_for


@dataclass
class Model:
    messages: dict[MessageId, ModelMessage] = field(default_factory=dict)
    read_positions: dict[tuple[ConversationId, AccountId], int] = field(default_factory=dict)
    outcomes: list[str] = field(default_factory=list)
    deleted: set[tuple[AccountId, Partition]] = field(default_factory=set)
    partitions: int = 4
    revisions: Counter[AccountId] = field(default_factory=Counter)

    def fold(self, envelope: Envelope) -> None:
        event, actor = envelope.event, envelope.actor_id
        gone = (actor, event.partition(self.partitions)) in self.deleted
        applied = not gone and self._apply(event, actor, envelope.occurred_at)
        self.outcomes.append("applied" if applied else "rejected")
        if applied:
            self.revisions.update(self._told_of(envelope.event, envelope.actor_id))

    def conversation(self, conversation: ConversationId) -> list[ModelMessage]:
        return [m for m in self.messages.values() if m.conversation_id == conversation]

    def unread(self, conversation: ConversationId, reader: AccountId) -> int:
        read = self.read_positions.get((conversation, reader), 0)
        return sum(
            message.sender_id != reader and message.position > read and message.visible_to(reader)
            for message in self.conversation(conversation)
        )

    def last_visible(self, conversation: ConversationId, reader: AccountId) -> MessageId | None:
        seen = [m for m in self.conversation(conversation) if m.visible_to(reader)]
        return seen[-1].id if seen else None

    def _told_of(self, event: Event, actor: AccountId) -> list[AccountId]:
        """Return who is shown something else after `event`, or may be: once a conversation."""
        if isinstance(event, AccountDeleted):
            return self._told_of_erasure(event)
        if isinstance(event, MessageDeleted) and event.audience == "me":
            return [actor]
        if isinstance(event, ConversationRead):
            return [actor, event.peer_id] if self.conversation(event.conversation_id) else []
        assert event.message is not None
        message = self.messages[event.message]
        return [message.sender_id, message.recipient_id]

    def _told_of_erasure(self, event: AccountDeleted) -> list[AccountId]:
        theirs = {
            message.conversation_id: [message.sender_id, message.recipient_id]
            for message in self.messages.values()
            if event.account_id in {message.sender_id, message.recipient_id}
            and partition_of(message.conversation_id, self.partitions) == event.in_partition
        }
        return [member for members in theirs.values() for member in members]

    def _apply(self, event: Event, actor: AccountId, at: datetime) -> bool:
        match event:
            case MessageSent():
                if (event.recipient_id, event.partition(self.partitions)) in self.deleted:
                    return False
                self.messages[event.message_id] = ModelMessage(
                    id=event.message_id,
                    conversation_id=event.conversation_id,
                    position=len(self.conversation(event.conversation_id)) + 1,
                    sender_id=actor,
                    recipient_id=event.recipient_id,
                    subject=event.subject,
                    body=event.body,
                    sent_at=at,
                )
                return True
            case MessageEdited():
                return self._edit(event, actor, at)
            case MessageDeleted():
                return self._delete(event, actor, at)
            case ConversationRead():
                self._read(event, actor, at)
                return True
            case AccountDeleted():
                self._erase(event, at)
                return True
        raise AssertionError(event)

    def _edit(self, event: MessageEdited, actor: AccountId, at: datetime) -> bool:
        message = self.messages.get(event.message_id)
        if message is None or message.sender_id != actor or not message.visible_to(actor):
            return False
        message.body = event.changes.get("body", message.body)
        message.subject = event.changes.get("subject", message.subject)
        message.edited_at = at
        return True

    def _delete(self, event: MessageDeleted, actor: AccountId, at: datetime) -> bool:
        message = self.messages.get(event.message_id)
        if message is None or actor not in {message.sender_id, message.recipient_id}:
            return False
        if event.audience == "me":
            if actor in message.hidden_for:
                return False
            message.hidden_for.add(actor)
            return True
        if message.sender_id != actor or message.deleted_at is not None:
            return False
        message.deleted_at, message.body, message.subject = at, None, None
        return True

    def _read(self, event: ConversationRead, actor: AccountId, at: datetime) -> None:
        messages = self.conversation(event.conversation_id)
        reader = (event.conversation_id, actor)
        up_to = max(self.read_positions.get(reader, 0), min(event.up_to, len(messages)))
        self.read_positions[reader] = up_to
        for message in messages:
            if message.sender_id != actor and message.position <= up_to and not message.read_at:
                message.read_at = at

    def _erase(self, event: AccountDeleted, at: datetime) -> None:
        self.deleted.add((event.account_id, event.in_partition))
        for message in self.messages.values():
            here = partition_of(message.conversation_id, self.partitions) == event.in_partition
            if message.sender_id == event.account_id and here and message.deleted_at is None:
                message.deleted_at, message.body, message.subject = at, None, None
