"""Decides each event once, when it is applied; the log keeps the outcome, a replay follows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from events.contracts.accounts import AccountDeleted
from events.contracts.base import Event, PoisonEventError
from events.contracts.conversations import ConversationRead
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from events.contracts.outcomes import Outcome
from runtime.ids import AccountId, ConversationId, MessageId
from workers.rules.facts import Facts, MessageFacts

MESSAGE_NOT_FOUND = "message-not-found"
ACCOUNT_DELETED = "account-deleted"
RECIPIENT_DELETED = "recipient-deleted"
BEHIND_DEAD_LETTER = "waits behind a dead letter of its conversation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What becomes of an event; see `events.log.Recorded` for the fields."""

    outcome: Outcome
    conversation_id: ConversationId | None
    position: int | None = None
    reason: str | None = None


def decide(envelope: Envelope, facts: Facts) -> Decision:
    """Decide `envelope` and carry `facts` along, so that the next event sees its effect.

    Raises:
        PoisonEventError: There is no rule for this type of event.
    """
    conversation = _conversation_of(envelope.event, facts)
    if envelope.actor_id in facts.deleted:
        # Before all else: set aside, the text would stay with the dead letter.
        return Decision(outcome="rejected", conversation_id=conversation, reason=ACCOUNT_DELETED)
    keys = {key for key in (conversation, envelope.event.message) if key is not None}
    if keys & facts.parked:
        facts.parked |= keys
        return Decision(outcome="parked", conversation_id=conversation, reason=BEHIND_DEAD_LETTER)
    return _decide(envelope.event, envelope.actor_id, facts)


def _conversation_of(event: Event, facts: Facts) -> ConversationId | None:
    target = facts.messages.get(event.message) if event.message is not None else None
    return target.conversation_id if target else event.conversation


@singledispatch
def _decide(event: Event, _actor: AccountId, _facts: Facts) -> Decision:
    raise PoisonEventError(f"no rule decides {event.type_name()}")


@_decide.register
def _sent(event: MessageSent, actor: AccountId, facts: Facts) -> Decision:
    if event.message_id in facts.messages:
        # Within one batch no unique constraint sees it.
        raise PoisonEventError(f"message {event.message_id} was sent before")
    conversation = event.conversation_id
    if event.recipient_id in facts.deleted:
        return Decision(outcome="rejected", conversation_id=conversation, reason=RECIPIENT_DELETED)
    position = facts.last_positions.get(conversation, 0) + 1
    facts.last_positions[conversation] = position
    facts.messages[event.message_id] = MessageFacts(
        conversation_id=conversation, sender_id=actor, recipient_id=event.recipient_id
    )
    return Decision(outcome="applied", conversation_id=conversation, position=position)


@_decide.register
def _edited(event: MessageEdited, actor: AccountId, facts: Facts) -> Decision:
    target = facts.messages.get(event.message_id)
    if target is None or target.sender_id != actor or target.deleted or target.hidden_for(actor):
        return _not_found(target)
    return Decision(outcome="applied", conversation_id=target.conversation_id)


@_decide.register
def _deleted(event: MessageDeleted, actor: AccountId, facts: Facts) -> Decision:
    target = facts.messages.get(event.message_id)
    if target is None or actor not in (target.sender_id, target.recipient_id):
        return _not_found(target)
    if event.audience == "everyone":
        # A sender may take back for everyone what they no longer see themselves.
        if target.sender_id != actor or target.deleted:
            return _not_found(target)
        target.deleted = True
    elif target.hidden_for(actor):
        return _not_found(target)
    elif actor == target.sender_id:
        target.hidden_for_sender = True
    else:
        target.hidden_for_recipient = True
    return Decision(outcome="applied", conversation_id=target.conversation_id)


@_decide.register
def _read(event: ConversationRead, actor: AccountId, facts: Facts) -> Decision:
    conversation = event.conversation_id
    reader = (conversation, actor)
    last = facts.last_positions.get(conversation, 0)
    position = max(facts.read_positions.get(reader, 0), min(event.up_to, last))
    facts.read_positions[reader] = position
    return Decision(outcome="applied", conversation_id=conversation, position=position)


@_decide.register
def _account_deleted(event: AccountDeleted, _actor: AccountId, facts: Facts) -> Decision:
    facts.deleted.add(event.account_id)
    return Decision(outcome="applied", conversation_id=None)


def _not_found(target: MessageFacts | None) -> Decision:
    # One reason for "not yours" and "no such message": nobody learns what exists.
    return Decision(
        outcome="rejected",
        conversation_id=target.conversation_id if target else None,
        reason=MESSAGE_NOT_FOUND,
    )


def named_message(event: Event) -> MessageId | None:
    """Return the message that must be known before `event` is decided."""
    return event.message if isinstance(event, MessageEdited | MessageDeleted) else None
