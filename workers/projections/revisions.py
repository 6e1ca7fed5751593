"""Projects revisions: how many changes of a partition each account could see.

Entity tags of lists are made from them, so whatever changes what an account is shown must count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from events.contracts.accounts import AccountDeleted
from events.contracts.conversations import ConversationRead
from events.contracts.messages import MessageDeleted
from events.log import Recorded
from runtime.ids import AccountId, ConversationId, Partition
from workers.projections.statements import as_json, statement

_COUNT = """
    INSERT INTO {schema}.account_revision AS a (account_id, partition, revision)
    SELECT m.account_id, :partition, sum(r.changes)
    FROM json_to_recordset(CAST(:rows AS json))
        AS r(conversation_id uuid, account_id uuid, changes int)
    JOIN {schema}.conversation_member AS m ON m.conversation_id = r.conversation_id
        AND m.account_id = COALESCE(r.account_id, m.account_id)
    GROUP BY m.account_id
    ON CONFLICT (account_id, partition) DO UPDATE SET revision = a.revision + excluded.revision
"""


def apply(
    transaction: Connection,
    schema: str,
    partition: Partition,
    events: Sequence[Recorded],
    *,
    erased: Iterable[ConversationId],
) -> None:
    """Count `events` for the accounts that can see their effect; after the members.

    Args:
        transaction: As of `messages.apply`.
        schema: Which read model.
        partition: The partition of all events.
        events: Applied events, in order.
        erased: The conversations that a deleted account was in, once for each such account.
    """
    changes: Counter[tuple[ConversationId | None, AccountId | None]] = Counter(
        (event.conversation_id, _only_for(event)) for event in events if _has_effect(event)
    )
    changes.update((conversation, None) for conversation in erased)
    if changes:
        rows = [
            {"conversation_id": conversation, "account_id": account, "changes": count}
            for (conversation, account), count in changes.items()
        ]
        values = {"partition": partition, "rows": as_json(rows)}
        transaction.execute(statement(_COUNT, schema), values)


def _only_for(recorded: Recorded) -> AccountId | None:
    """Return the one account that sees the effect; None where both of the conversation do."""
    event = recorded.envelope.event
    # Nobody else is told, not even that something changed.
    hides = isinstance(event, MessageDeleted) and event.audience == "me"
    return recorded.envelope.actor_id if hides else None


def _has_effect(recorded: Recorded) -> bool:
    event = recorded.envelope.event
    if isinstance(event, ConversationRead):
        # Of a conversation without messages: whether its members are there by the end of the
        # batch must not decide, for another batching would count otherwise.
        return bool(recorded.position)
    # An erasure counts once for each conversation that it touched.
    return not isinstance(event, AccountDeleted)
