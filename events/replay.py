"""Reads the event log back, in order and in portions, and chooses what to read by filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, text

from events.contracts.base import PoisonEventError
from events.contracts.envelope import Envelope, read_event
from events.contracts.offsets import START, Offset
from events.contracts.outcomes import Outcome
from events.log import Recorded
from runtime.ids import AccountId, ConversationId, EventId, Partition

# Of the longest messages so many bytes are read at once, at least one event.
_PORTION_BYTES = 2 * 1024 * 1024
_READ = """
    SELECT "offset", id, type, conversation_id, actor_id, position, outcome, reason,
        CAST(data AS text) AS data, request_id, traceparent, occurred_at
    FROM event_log.event
    WHERE partition = :partition AND "offset" > :after AND {condition}
    ORDER BY "offset" LIMIT :limit
"""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which events of the log are meant: those that pass every filter given.

    Attributes:
        partitions: Of these partitions; empty: of all.
        since: Accepted then or later.
        until: Accepted before.
        types: Of these types: `message.sent.v1`, or `message.sent` for all its versions.
        accounts: By one of these accounts, or sent to it.
        conversations: Of these conversations.
        outcomes: Of which this became.
    """

    partitions: tuple[Partition, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    types: tuple[str, ...] = ()
    accounts: tuple[AccountId, ...] = ()
    conversations: tuple[ConversationId, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    @property
    def chooses_events(self) -> bool:
        """Whether a filter speaks of single events, not of conversations as a whole."""
        return bool(self.since or self.until or self.types or self.outcomes)

    @property
    def is_whole_partitions(self) -> bool:
        """Whether no filter but that of partitions is given."""
        return not (self.chooses_events or self.accounts or self.conversations)

    def condition(self) -> tuple[str, dict[str, Any]]:
        """Return what a row of `event_log.event` must meet, as SQL and its parameters."""
        chosen = [(sql, name, value) for sql, name, value in self._filters() if value]
        conditions = " AND ".join(sql for sql, _, _ in chosen)
        return conditions or "true", {name: value for _, name, value in chosen}

    def _filters(self) -> list[tuple[str, str, object]]:
        return [
            ("partition = ANY(CAST(:partitions AS int[]))", "partitions", list(self.partitions)),
            ("occurred_at >= :since", "since", self.since),
            ("occurred_at < :until", "until", self.until),
            (_TYPE, "types", list(self.types)),
            (_ACCOUNT, "accounts", [str(account) for account in self.accounts]),
            (
                "conversation_id = ANY(CAST(:conversations AS uuid[]))",
                "conversations",
                list(self.conversations),
            ),
            ("outcome = ANY(CAST(:outcomes AS text[]))", "outcomes", list(self.outcomes)),
        ]


_TYPE = (
    "(type = ANY(CAST(:types AS text[]))"
    " OR regexp_replace(type, '\\.v[0-9]+$', '') = ANY(CAST(:types AS text[])))"
)
_ACCOUNT = (
    "(actor_id = ANY(CAST(:accounts AS uuid[]))"
    " OR data ->> 'recipient_id' = ANY(CAST(:accounts AS text[])))"
)
EVERYTHING = Selection()
APPLIED = Selection(outcomes=("applied",))


def read(
    connection: Connection,
    partition: Partition,
    *,
    after: Offset = START,
    limit: int = 1_000,
    selection: Selection = EVERYTHING,
) -> list[Recorded]:
    """Return the next events of a partition behind `after`, in order; none at the end.

    Args:
        connection: To a node that has the log.
        partition: Whose events.
        after: Return later ones alone.
        limit: At most so many, fewer of long messages.
        selection: Only these.

    Raises:
        PoisonEventError: One is of no known contract, or its payload was not kept.
    """
    condition, values = replace(selection, partitions=()).condition()
    return read_where(connection, partition, condition, values, after=after, limit=limit)


def read_where(
    connection: Connection,
    partition: Partition,
    condition: str,
    values: Mapping[str, object],
    *,
    after: Offset,
    limit: int,
) -> list[Recorded]:
    """Return as `read` what meets an SQL condition."""
    parameters = {**values, "partition": partition, "after": after.sortable(), "limit": limit}
    rows = connection.execute(text(_READ.format(condition=condition)), parameters)
    return [_recorded(row) for row in _portion(rows.all())]


def _portion(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    taken, length = list[Row[Any]](), 0
    for row in rows:
        length += len(row.data)
        if taken and length > _PORTION_BYTES:
            break
        taken.append(row)
    return taken


def _recorded(row: Row[Any]) -> Recorded:
    payload = orjson.loads(row.data)
    try:
        event = read_event(row.type, payload)
    except PoisonEventError as error:
        raise PoisonEventError(f"event {row.id} of the log: {error}") from error
    envelope = Envelope(
        id=EventId(row.id),
        event=event,
        actor_id=AccountId(row.actor_id),
        occurred_at=row.occurred_at,
        request_id=row.request_id,
        traceparent=row.traceparent,
    )
    return Recorded(
        offset=Offset.parse(row.offset),
        envelope=envelope,
        conversation_id=_conversation(row.conversation_id),
        outcome=row.outcome,
        position=row.position,
        reason=row.reason,
        redacted=bool(payload.get("redacted")),
    )


def _conversation(found: UUID | None) -> ConversationId | None:
    return None if found is None else ConversationId(found)
