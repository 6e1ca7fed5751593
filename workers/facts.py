"""Loads the facts by which a batch is decided, each kind in one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from events import dead_letters, erasures, log
from events.contracts.conversations import ConversationRead
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageSent
from runtime.ids import AccountId, ConversationId, MessageId, Partition
from workers.rules.decisions import named_message
from workers.rules.facts import Facts, MessageFacts

_CONVERSATIONS = text(
    "SELECT id, last_position FROM read_model.conversation WHERE id = ANY(CAST(:ids AS uuid[]))"
)
_READERS = text(
    """
    SELECT conversation_id, account_id, read_position FROM read_model.conversation_member
    WHERE conversation_id = ANY(CAST(:ids AS uuid[]))
    """
)
_MESSAGES = text(
    """
    SELECT id, conversation_id, sender_id, recipient_id, deleted_at IS NOT NULL AS deleted,
        hidden_for_sender, hidden_for_recipient
    FROM read_model.message WHERE id = ANY(CAST(:ids AS uuid[]))
    """
)


def load(
    transaction: Connection,
    partition: Partition,
    envelopes: Sequence[Envelope],
    *,
    authors: Collection[AccountId] = (),
) -> Facts:
    """Return what the read model and the log know of all that `envelopes` name, and of `authors`.

    Args:
        transaction: Holds the partition's checkpoint.
        partition: The partition.
        envelopes: The events to decide.
        authors: Of whom else it must be known whether they are deleted.
    """
    messages = _messages(transaction, envelopes)
    facts = Facts(
        known=log.known_ids(transaction, [envelope.id for envelope in envelopes]),
        parked=dead_letters.parked_among(transaction, partition, _keys(envelopes, messages)),
        messages=messages,
        deleted=erasures.deleted_among(transaction, partition, _accounts(envelopes).union(authors)),
    )
    conversations = _conversations(envelopes)
    if conversations:
        rows = transaction.execute(_CONVERSATIONS, {"ids": conversations})
        facts.last_positions.update((ConversationId(row[0]), row[1]) for row in rows)
    read = [e.event.conversation_id for e in envelopes if isinstance(e.event, ConversationRead)]
    if read:
        for row in transaction.execute(_READERS, {"ids": list(set(read))}):
            facts.read_positions[ConversationId(row[0]), AccountId(row[1])] = row[2]
    return facts


def _conversations(envelopes: Iterable[Envelope]) -> list[ConversationId]:
    named = {envelope.event.conversation for envelope in envelopes}
    return [conversation for conversation in named if conversation is not None]


def _keys(envelopes: Iterable[Envelope], messages: Mapping[MessageId, MessageFacts]) -> set[UUID]:
    """Return the ids by which these events might wait behind one that is parked."""
    named = {key for e in envelopes for key in (e.event.conversation, e.event.message)}
    return {
        *(key for key in named if key is not None),
        *(message.conversation_id for message in messages.values()),
    }


def _accounts(envelopes: Iterable[Envelope]) -> set[AccountId]:
    accounts = set[AccountId]()
    for envelope in envelopes:
        accounts.add(envelope.actor_id)
        if isinstance(envelope.event, MessageSent):
            accounts.add(envelope.event.recipient_id)
    return accounts


def _messages(
    transaction: Connection, envelopes: Iterable[Envelope]
) -> dict[MessageId, MessageFacts]:
    named = {named_message(envelope.event) for envelope in envelopes} - {None}
    if not named:
        return {}
    rows = transaction.execute(_MESSAGES, {"ids": list(named)})
    return {
        MessageId(row.id): MessageFacts(
            conversation_id=ConversationId(row.conversation_id),
            sender_id=AccountId(row.sender_id),
            recipient_id=AccountId(row.recipient_id),
            deleted=row.deleted,
            hidden_for_sender=row.hidden_for_sender,
            hidden_for_recipient=row.hidden_for_recipient,
        )
        for row in rows
    }
