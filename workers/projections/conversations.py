"""Projects conversations: the highest position handed out in each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from events.contracts.messages import MessageSent
from events.log import Recorded
from workers.projections.statements import as_json, statement

_RAISE = """
    INSERT INTO {schema}.conversation AS c (id, last_position)
    SELECT r.id, r.last_position
    FROM json_to_recordset(CAST(:rows AS json)) AS r(id uuid, last_position int)
    ON CONFLICT (id) DO UPDATE SET last_position = excluded.last_position
"""


def apply(transaction: Connection, schema: str, events: Sequence[Recorded]) -> None:
    """Raise the last positions to those of the messages sent; see `messages.apply`."""
    last = {
        event.conversation_id: event.position
        for event in events
        if isinstance(event.envelope.event, MessageSent)
    }
    if last:
        rows = [{"id": conversation, "last_position": last[conversation]} for conversation in last]
        transaction.execute(statement(_RAISE, schema), {"rows": as_json(rows)})
