"""Projects the members of conversations: what each of the two has read and has yet to read."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from events.contracts.messages import MessageDeleted, MessageSent
from events.log import Recorded
from runtime.ids import AccountId, ConversationId
from workers.projections.messages import read_ranges
from workers.projections.statements import Row, as_json, statement

_COUNT_SENT = """
    INSERT INTO {schema}.conversation_member AS m (conversation_id, account_id, peer_id,
        read_position, unread_count, last_message_id, last_activity_at)
    SELECT r.conversation_id, r.account_id, r.peer_id, 0, r.unread, r.last_message_id,
        r.last_activity_at
    FROM json_to_recordset(CAST(:rows AS json)) AS r(conversation_id uuid, account_id uuid,
        peer_id uuid, unread int, last_message_id uuid, last_activity_at timestamptz)
    ON CONFLICT (conversation_id, account_id) DO UPDATE
    SET unread_count = m.unread_count + excluded.unread_count,
        last_message_id = excluded.last_message_id,
        last_activity_at = excluded.last_activity_at
"""
_MOVE_READ = """
    UPDATE {schema}.conversation_member AS m
    SET read_position = r.position
    FROM json_to_recordset(CAST(:rows AS json))
        AS r(conversation_id uuid, account_id uuid, position int)
    WHERE m.conversation_id = r.conversation_id AND m.account_id = r.account_id
        AND m.read_position < r.position
"""
# Reads and deletes may change any number of unread messages and uncover an older last message:
# count afresh. Sends alone, the common case, are only added up.
_RECOUNT = """
    UPDATE {schema}.conversation_member AS m
    SET unread_count = (
            SELECT count(*) FROM {schema}.message AS x
            WHERE x.conversation_id = m.conversation_id AND x.sender_id = m.peer_id
                AND x.position > m.read_position
                AND x.deleted_at IS NULL AND NOT x.hidden_for_recipient
        ),
        last_message_id = (
            SELECT x.id FROM {schema}.message AS x
            WHERE x.conversation_id = m.conversation_id AND x.deleted_at IS NULL
                AND NOT CASE WHEN x.sender_id = m.account_id
                    THEN x.hidden_for_sender ELSE x.hidden_for_recipient END
            ORDER BY x.position DESC LIMIT 1
        )
    WHERE m.conversation_id = ANY(CAST(:conversations AS uuid[]))
"""


def apply(transaction: Connection, schema: str, events: Sequence[Recorded]) -> None:
    """Count what was sent, move what was read; after the messages; see `messages.apply`."""
    sent = _sent_rows(events)
    if sent:
        transaction.execute(statement(_COUNT_SENT, schema), {"rows": as_json(sent)})


def move_read_positions(transaction: Connection, schema: str, events: Sequence[Recorded]) -> None:
    """Move the read positions; after `messages.mark_read`."""
    furthest = {(row["conversation_id"], row["account_id"]): row for row in read_ranges(events)}
    if furthest:
        rows = as_json(furthest.values())
        transaction.execute(statement(_MOVE_READ, schema), {"rows": rows})


def recount(
    transaction: Connection,
    schema: str,
    events: Sequence[Recorded],
    *,
    erased: Collection[ConversationId],
) -> None:
    """Count afresh where messages were read, deleted or `erased`; last of all."""
    touched = {row["conversation_id"] for row in read_ranges(events)} | set(erased)
    touched |= {e.conversation_id for e in events if isinstance(e.envelope.event, MessageDeleted)}
    if touched:
        transaction.execute(statement(_RECOUNT, schema), {"conversations": list(touched)})


def _sent_rows(events: Sequence[Recorded]) -> list[Row]:
    rows: dict[tuple[object, AccountId], Row] = {}
    for recorded in events:
        event = recorded.envelope.event
        if not isinstance(event, MessageSent):
            continue
        sender, recipient = recorded.envelope.actor_id, event.recipient_id
        for account, peer, unread in ((sender, recipient, 0), (recipient, sender, 1)):
            row = rows.setdefault(
                (event.conversation_id, account),
                {
                    "conversation_id": event.conversation_id,
                    "account_id": account,
                    "peer_id": peer,
                    "unread": 0,
                },
            )
            row["unread"] += unread
            row["last_message_id"] = event.message_id
            row["last_activity_at"] = recorded.envelope.occurred_at
    return list(rows.values())
