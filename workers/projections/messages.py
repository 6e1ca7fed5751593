"""Projects messages: sent, edited, deleted, hidden, read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from events.contracts.conversations import ConversationRead
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from events.log import Recorded
from runtime.ids import AccountId, MessageId
from workers.projections.statements import Row, as_json, statement

_INSERT = """
    INSERT INTO {schema}.message (id, conversation_id, position, sender_id, recipient_id, subject,
        body, sent_at, edited_at, deleted_at, hidden_for_sender, hidden_for_recipient)
    SELECT r.id, r.conversation_id, r.position, r.sender_id, r.recipient_id, r.subject, r.body,
        r.sent_at, r.edited_at, r.deleted_at,
        COALESCE(r.sender_id = ANY(r.hides_for), false),
        COALESCE(r.recipient_id = ANY(r.hides_for), false)
    FROM json_to_recordset(CAST(:rows AS json)) AS r(id uuid, conversation_id uuid, position int,
        sender_id uuid, recipient_id uuid, subject text, body text, sent_at timestamptz,
        edited_at timestamptz, deleted_at timestamptz, hides_for uuid[])
"""
_CHANGE = """
    UPDATE {schema}.message AS x
    SET subject = CASE WHEN r.sets_subject THEN r.subject ELSE x.subject END,
        body = CASE WHEN r.sets_body THEN r.body ELSE x.body END,
        edited_at = COALESCE(r.edited_at, x.edited_at),
        deleted_at = COALESCE(r.deleted_at, x.deleted_at),
        hidden_for_sender = x.hidden_for_sender OR COALESCE(x.sender_id = ANY(r.hides_for), false),
        hidden_for_recipient =
            x.hidden_for_recipient OR COALESCE(x.recipient_id = ANY(r.hides_for), false)
    FROM json_to_recordset(CAST(:rows AS json)) AS r(id uuid, sets_subject boolean, subject text,
        sets_body boolean, body text, edited_at timestamptz, deleted_at timestamptz,
        hides_for uuid[])
    WHERE x.id = r.id
"""
# The member's row still holds the read position from before this batch; below it all is read.
_MARK_READ = """
    UPDATE {schema}.message AS x
    SET read_at = r.read_at
    FROM json_to_recordset(CAST(:rows AS json)) AS r(conversation_id uuid, account_id uuid,
        after int, position int, read_at timestamptz)
    JOIN {schema}.conversation_member AS m USING (conversation_id, account_id)
    WHERE x.conversation_id = r.conversation_id AND x.sender_id = m.peer_id
        AND x.position > GREATEST(r.after, m.read_position) AND x.position <= r.position
"""


def apply(transaction: Connection, schema: str, events: Sequence[Recorded]) -> None:
    """Insert and change the messages that `events` speak of.

    Args:
        transaction: An open transaction on the primary.
        schema: The read model's schema: the live one, or the next one of a rebuild.
        events: Applied events of one partition, in order.
    """
    sent = {MessageId(row["id"]): row for row in map(_sent_row, _sends(events))}
    changes: dict[MessageId, Row] = {}
    for event in events:
        _fold_change(event, sent, changes)
    if sent:
        transaction.execute(statement(_INSERT, schema), {"rows": as_json(sent.values())})
    if changes:
        transaction.execute(statement(_CHANGE, schema), {"rows": as_json(changes.values())})


def mark_read(transaction: Connection, schema: str, events: Sequence[Recorded]) -> None:
    """Set when the messages were read; before the members' read positions move."""
    rows = read_ranges(events)
    if rows:
        transaction.execute(statement(_MARK_READ, schema), {"rows": as_json(rows)})


def read_ranges(events: Iterable[Recorded]) -> list[Row]:
    """Return of each read which positions it was the first in the batch to cover."""
    covered: dict[tuple[Any, AccountId], int] = {}
    rows: list[Row] = []
    for recorded in events:
        if not isinstance(recorded.envelope.event, ConversationRead):
            continue
        reader = (recorded.conversation_id, recorded.envelope.actor_id)
        position, after = recorded.position or 0, covered.get(reader, 0)
        if position > after:
            covered[reader] = position
            rows.append(
                {
                    "conversation_id": recorded.conversation_id,
                    "account_id": recorded.envelope.actor_id,
                    "after": after,
                    "position": position,
                    "read_at": recorded.envelope.occurred_at,
                }
            )
    return rows


def _sends(events: Iterable[Recorded]) -> Iterable[tuple[Recorded, MessageSent]]:
    for recorded in events:
        if isinstance(recorded.envelope.event, MessageSent):
            yield recorded, recorded.envelope.event


def _sent_row(sent: tuple[Recorded, MessageSent]) -> Row:
    recorded, event = sent
    return {
        "id": event.message_id,
        "conversation_id": event.conversation_id,
        "position": recorded.position,
        "sender_id": recorded.envelope.actor_id,
        "recipient_id": event.recipient_id,
        "subject": event.subject,
        "body": event.body,
        "sent_at": recorded.envelope.occurred_at,
    }


def _fold_change(
    recorded: Recorded, sent: dict[MessageId, Row], changes: dict[MessageId, Row]
) -> None:
    """Carry an edit or a delete into the row that this batch inserts or changes anyway."""
    event = recorded.envelope.event
    if not isinstance(event, MessageEdited | MessageDeleted):
        return
    row = sent.get(event.message_id)
    if row is None:
        row = changes.setdefault(event.message_id, {"id": event.message_id})
    if isinstance(event, MessageEdited):
        row["edited_at"] = recorded.envelope.occurred_at
        for name, value in event.changes.items():
            row[name] = value
            row[f"sets_{name}"] = True
    elif event.audience == "everyone":
        row.update(deleted_at=recorded.envelope.occurred_at, body=None, subject=None)
        row.update(sets_body=True, sets_subject=True)
    else:
        row["hides_for"] = [*row.get("hides_for", ()), recorded.envelope.actor_id]
