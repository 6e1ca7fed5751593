"""Selects events and dead letters for operators: filters, pages, the rows as they see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from events.contracts.offsets import START, Offset
from runtime.ids import AccountId, ConversationId, Partition


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What an operator asks for; None and () mean: whatever.

    Attributes:
        partitions: In these partitions.
        since: Not before: of an event when it was accepted, of a dead letter when it was parked.
        until: Before.
        type_name: Of this type, with version or without.
        account: By this account.
        conversation: In this conversation.
        status: Of an event its outcome, of a dead letter its state.
        reason: Of dead letters: whose reason holds this text, in whatever case.
        names: Of dead letters: these, by place or event id.
        causes: Of dead letters: those that were tried, not those that wait behind them.
    """

    partitions: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    type_name: str | None = None
    account: AccountId | None = None
    conversation: ConversationId | None = None
    status: str | None = None
    reason: str | None = None
    names: tuple[Place | UUID, ...] = ()
    causes: bool = False


@dataclass(frozen=True, order=True)
class Place:
    """Where an event stands: `3/1771234567890-0`."""

    partition: Partition
    offset: Offset

    @classmethod
    def parse(cls, words: str) -> Place:
        """Read what `str` wrote.

        Raises:
            ValueError: It is no place.
        """
        partition, _, offset = words.partition("/")
        return cls(Partition(int(partition)), Offset.parse(offset))

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"


BEGINNING = Place(Partition(-1), START)


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A row of the event log."""

    place: Place
    id: UUID
    type: str
    conversation_id: UUID | None
    actor_id: UUID
    message_id: UUID | None
    position: int | None
    outcome: str
    reason: str | None
    data: dict[str, Any]
    request_id: str | None
    traceparent: str | None
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A dead letter; `type` and `actor_id` are None where no row of the log tells them."""

    place: Place
    event_id: UUID | None
    conversation_id: UUID | None
    type: str | None
    actor_id: UUID | None
    state: str
    reason: str
    traceback: str | None
    attempts: int
    parked_at: datetime
    updated_at: datetime
    entry: bytes
    original_entry: bytes | None


# A condition on NULL is gone before the statement is planned: the values stand in its text.
_EVENTS = text(
    """
    SELECT e.partition, e."offset", e.id, e.type, e.conversation_id, e.actor_id, e.message_id,
        e.position, e.outcome, e.reason, e.data, e.request_id, e.traceparent, e.occurred_at,
        e.recorded_at
    FROM event_log.event AS e
    WHERE (e.partition, e."offset") > (:partition, :offset)
        AND (CAST(:partitions AS int[]) IS NULL OR e.partition = ANY(CAST(:partitions AS int[])))
        AND (CAST(:since AS timestamptz) IS NULL OR e.occurred_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR e.occurred_at < :until)
        AND (CAST(:status AS text) IS NULL OR e.outcome = :status)
        AND (CAST(:type AS text) IS NULL OR e.type = :type OR e.type LIKE :type || '.v%')
        AND (CAST(:account AS uuid) IS NULL OR e.actor_id = :account)
        AND (CAST(:conversation AS uuid) IS NULL OR e.conversation_id = :conversation)
    ORDER BY e.partition, e."offset" LIMIT :limit
    """
)
# Of an entry without a row in the log only its bytes can tell of what type it is, and whose.
_LETTERS = text(
    """
    SELECT d.partition, d."offset", d.event_id, d.conversation_id, e.type, e.actor_id, d.state,
        d.reason, d.traceback, d.attempts, d.parked_at, d.updated_at, d.entry, d.original_entry
    FROM event_log.dead_letter AS d
    LEFT JOIN event_log.event AS e ON e.partition = d.partition AND e."offset" = d."offset"
    WHERE (d.partition, d."offset") > (:partition, :offset)
        AND (CAST(:partitions AS int[]) IS NULL OR d.partition = ANY(CAST(:partitions AS int[])))
        AND (CAST(:since AS timestamptz) IS NULL OR d.parked_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR d.parked_at < :until)
        AND (CAST(:status AS text) IS NULL OR d.state = :status)
        AND (CAST(:type AS text) IS NULL OR e.type = :type OR e.type LIKE :type || '.v%'
            OR e.type IS NULL AND position(convert_to('"' || :type, 'UTF8') IN d.entry) > 0)
        AND (CAST(:account AS uuid) IS NULL OR e.actor_id = :account
            OR e.type IS NULL
            AND position(convert_to(CAST(:account AS text), 'UTF8') IN d.entry) > 0)
        AND (CAST(:conversation AS uuid) IS NULL OR d.conversation_id = :conversation)
        AND (CAST(:reason AS text) IS NULL OR position(lower(:reason) IN lower(d.reason)) > 0)
        AND (NOT :causes OR d.attempts > 0)
        AND (NOT :named OR d.event_id = ANY(CAST(:ids AS uuid[]))
            OR (d.partition || '/' || d."offset") = ANY(CAST(:places AS text[])))
    ORDER BY d.partition, d."offset" LIMIT :limit
    """
)


def events(
    connection: Connection, selection: Selection, *, after: Place = BEGINNING, limit: int
) -> list[Logged]:
    """Return up to `limit` rows of the log behind `after`, by partition and offset."""
    return [Logged(**row) for row in _page(connection, _EVENTS, selection, after, limit)]


def letters(
    connection: Connection, selection: Selection, *, after: Place = BEGINNING, limit: int
) -> list[Letter]:
    """Return up to `limit` dead letters behind `after`, by partition and offset."""
    return [_letter(row) for row in _page(connection, _LETTERS, selection, after, limit)]


def all_letters(connection: Connection, selection: Selection) -> Iterator[Letter]:
    """Give every dead letter selected, a page at a time."""
    after = BEGINNING
    while page := letters(connection, selection, after=after, limit=500):
        yield from page
        after = page[-1].place


def _values(selection: Selection) -> dict[str, object]:
    places = [name for name in selection.names if isinstance(name, Place)]
    return {
        "partitions": list(selection.partitions) or None,
        "since": selection.since,
        "until": selection.until,
        "status": selection.status,
        "type": selection.type_name,
        "account": selection.account,
        "conversation": selection.conversation,
        "reason": selection.reason,
        "causes": selection.causes,
        "named": bool(selection.names),
        "ids": [name for name in selection.names if isinstance(name, UUID)],
        "places": [f"{place.partition}/{place.offset.sortable()}" for place in places],
    }


def _page(
    connection: Connection, statement: TextClause, selection: Selection, after: Place, limit: int
) -> list[dict[str, Any]]:
    place = {"partition": after.partition, "offset": after.offset.sortable(), "limit": limit}
    found = connection.execute(statement, {**_values(selection), **place}).mappings()
    return [
        {
            "place": Place(Partition(row["partition"]), Offset.parse(row["offset"])),
            **{name: row[name] for name in row if name not in ("partition", "offset")},
        }
        for row in found
    ]


def _letter(row: dict[str, Any]) -> Letter:
    entries = {
        name: None if row[name] is None else bytes(row[name])
        for name in ("entry", "original_entry")
    }
    return Letter(**{**row, **entries})
