"""Selects events and dead letters for operators: filters, pages, the rows as they see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

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


_EVENTS = """
    SELECT e.partition, e."offset", e.id, e.type, e.conversation_id, e.actor_id,
        e.message_id, e.position,
        e.outcome, e.reason, e.data, e.request_id, e.traceparent, e.occurred_at, e.recorded_at
    FROM event_log.event AS e
    WHERE (e.partition, e."offset") > (:partition, :offset) {conditions}
    ORDER BY e.partition, e."offset" LIMIT :limit
"""
_LETTERS = """
    SELECT d.partition, d."offset", d.event_id, d.conversation_id, e.type, e.actor_id, d.state,
        d.reason, d.traceback, d.attempts, d.parked_at, d.updated_at, d.entry, d.original_entry
    FROM event_log.dead_letter AS d
    LEFT JOIN event_log.event AS e ON e.partition = d.partition AND e."offset" = d."offset"
    WHERE (d.partition, d."offset") > (:partition, :offset) {conditions}
    ORDER BY d.partition, d."offset" LIMIT :limit
"""
# Of an entry without a row in the log only its bytes can tell.
_IN_ENTRY = "position(convert_to('\"' || {value} || '\"', 'UTF8') IN d.entry) > 0"


def events(
    connection: Connection, selection: Selection, *, after: Place = BEGINNING, limit: int
) -> list[Logged]:
    """Return up to `limit` rows of the log behind `after`, by partition and offset."""
    conditions, values = _conditions(selection, time="e.occurred_at", status="e.outcome")
    if selection.type_name is not None:
        conditions += ["(e.type = :type OR e.type LIKE :versions)"]
    if selection.account is not None:
        conditions += ["e.actor_id = :account"]
    if selection.conversation is not None:
        conditions += ["e.conversation_id = :conversation"]
    rows = _page(connection, _EVENTS, conditions, values, after=after, limit=limit)
    return [Logged(**row) for row in rows]


def letters(
    connection: Connection, selection: Selection, *, after: Place = BEGINNING, limit: int
) -> list[Letter]:
    """Return up to `limit` dead letters behind `after`, by partition and offset."""
    conditions, values = _conditions(selection, time="d.parked_at", status="d.state")
    if selection.type_name is not None:
        inside = f"(e.type IS NULL AND {_IN_ENTRY.format(value=':type')})"
        conditions += [f"(e.type = :type OR e.type LIKE :versions OR {inside})"]
    if selection.account is not None:
        inside = f"(e.actor_id IS NULL AND {_IN_ENTRY.format(value='CAST(:account AS text)')})"
        conditions += [f"(e.actor_id = :account OR {inside})"]
    if selection.conversation is not None:
        conditions += ["d.conversation_id = :conversation"]
    if selection.reason is not None:
        conditions += ["position(lower(:reason) IN lower(d.reason)) > 0"]
    if selection.causes:
        conditions += ["d.attempts > 0"]
    if selection.names:
        conditions += [_NAMED]
    rows = _page(connection, _LETTERS, conditions, values, after=after, limit=limit)
    return [_letter(row) for row in rows]


def all_letters(connection: Connection, selection: Selection) -> Iterator[Letter]:
    """Give every dead letter selected, a page at a time."""
    after = BEGINNING
    while page := letters(connection, selection, after=after, limit=500):
        yield from page
        after = page[-1].place


_NAMED = """(d.event_id = ANY(CAST(:ids AS uuid[])) OR (d.partition || '/' || d."offset")
    = ANY(CAST(:places AS text[])))"""


def _conditions(
    selection: Selection, *, time: str, status: str
) -> tuple[list[str], dict[str, object]]:
    alias = time[0]
    conditions = []
    if selection.partitions:
        conditions.append(f"{alias}.partition = ANY(CAST(:partitions AS int[]))")
    if selection.since is not None:
        conditions.append(f"{time} >= :since")
    if selection.until is not None:
        conditions.append(f"{time} < :until")
    if selection.status is not None:
        conditions.append(f"{status} = :status")
    places = [name for name in selection.names if isinstance(name, Place)]
    return conditions, {
        "partitions": list(selection.partitions),
        "since": selection.since,
        "until": selection.until,
        "status": selection.status,
        "type": selection.type_name,
        "versions": f"{selection.type_name}.v%",
        "account": selection.account,
        "conversation": selection.conversation,
        "reason": selection.reason,
        "ids": [name for name in selection.names if isinstance(name, UUID)],
        "places": [f"{place.partition}/{place.offset.sortable()}" for place in places],
    }


def _page(
    connection: Connection,
    template: str,
    conditions: list[str],
    values: dict[str, object],
    *,
    after: Place,
    limit: int,
) -> list[dict[str, Any]]:
    added = "".join(f" AND {condition}" for condition in conditions)
    place = {"partition": after.partition, "offset": after.offset.sortable(), "limit": limit}
    statement = text(template.format(conditions=added))
    found = connection.execute(statement, {**values, **place}).mappings()
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
