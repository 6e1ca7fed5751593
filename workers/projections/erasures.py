"""Projects deleted accounts: what they sent becomes tombstones, which their peers keep."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from events.contracts.accounts import AccountDeleted
from events.log import Recorded
from runtime.ids import ConversationId, partition_of
from workers.projections.statements import statement

_CONVERSATIONS = """
    SELECT conversation_id FROM {schema}.conversation_member WHERE account_id = :account
"""
_ERASE = """
    UPDATE {schema}.message AS x
    SET subject = NULL, body = NULL, deleted_at = :at
    WHERE x.conversation_id = ANY(CAST(:conversations AS uuid[])) AND x.sender_id = :account
        AND x.deleted_at IS NULL
"""


def apply(transaction: Connection, schema: str, events: Sequence[Recorded]) -> list[ConversationId]:
    """Erase what deleted accounts sent; after messages and members; see `messages.apply`.

    Whatever else of the batch is about these messages leaves their text alone: only their sender
    could change it, whose later events are rejected.

    Returns:
        The conversations in which there may be less to read now, for each deleted account.
    """
    touched = list[ConversationId]()
    for recorded in events:
        event = recorded.envelope.event
        if isinstance(event, AccountDeleted):
            theirs = conversations_of(transaction, schema, event)
            values = {"account": event.account_id, "at": recorded.envelope.occurred_at}
            transaction.execute(statement(_ERASE, schema), {**values, "conversations": theirs})
            touched += theirs
    return touched


def conversations_of(
    transaction: Connection, schema: str, event: AccountDeleted
) -> list[ConversationId]:
    """Return the account's conversations of the event's partition: no other's lock is held."""
    found = transaction.execute(statement(_CONVERSATIONS, schema), {"account": event.account_id})
    return [
        conversation
        for conversation in map(ConversationId, found.scalars())
        if partition_of(conversation, event.of_partitions) == event.in_partition
    ]
