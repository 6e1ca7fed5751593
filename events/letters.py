"""Selects dead letters for operators: filters, pages, the rows as they see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from events.contracts.offsets import Offset
from events.selection import BEGINNING, EVERYTHING, Place, Selection, page_behind, placed
from runtime.ids import Partition

State = Literal["parked", "retried", "discarded"]


@dataclass(frozen=True, kw_only=True)
class LetterSelection:
    """Which dead letters are meant: those that pass every filter given.

    Attributes:
        events: Their events; `since` and `until` speak of when they were parked.
        state: What became of them.
        reason: Whose reason holds this text, in whatever case.
        names: These, by place or event id; empty: whichever.
        causes: Those that were tried, not those that wait behind them.

    Raises:
        ValueError: `events` names outcomes: of dead letters it is the state that tells.
    """

    events: Selection = EVERYTHING
    state: State | None = None
    reason: str | None = None
    names: tuple[Place | UUID, ...] = ()
    causes: bool = False

    def __post_init__(self) -> None:
        """Refuse what no statement would heed."""
        if self.events.outcomes:
            raise ValueError("dead letters are chosen by state, not by outcome")

    def parameters(self) -> dict[str, Any]:
        """Return the filters for a statement: null where one is not given."""
        places = [name for name in self.names if isinstance(name, Place)]
        return {
            **self.events.parameters(),
            "state": self.state,
            "reason": self.reason,
            "causes": self.causes,
            "named": bool(self.names),
            "ids": [name for name in self.names if isinstance(name, UUID)],
            "places": [f"{place.partition}/{place.offset.sortable()}" for place in places],
        }


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


# To whom a parked event was sent stands in its entry alone. Of an entry without a row in the log
# only its bytes can tell of what type it is, and whose.
_LETTERS = text(
    """
    SELECT d.partition, d."offset", d.event_id, d.conversation_id, e.type, e.actor_id, d.state,
        d.reason, d.attempts, d.parked_at, d.updated_at,
        CASE WHEN :whole THEN d.traceback END AS traceback,
        CASE WHEN :whole THEN d.entry END AS entry,
        CASE WHEN :whole THEN d.original_entry END AS original_entry
    FROM event_log.dead_letter AS d
    LEFT JOIN event_log.event AS e ON e.partition = d.partition AND e."offset" = d."offset"
    WHERE (d.partition, d."offset") > (:partition, :offset)
        AND (CAST(:partitions AS int[]) IS NULL OR d.partition = ANY(CAST(:partitions AS int[])))
        AND (CAST(:since AS timestamptz) IS NULL OR d.parked_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR d.parked_at < :until)
        AND (CAST(:state AS text) IS NULL OR d.state = :state)
        AND (CAST(:types AS text[]) IS NULL OR e.type = ANY(CAST(:types AS text[]))
            OR e.type LIKE ANY(CAST(:versions AS text[]))
            OR e.type IS NULL AND EXISTS (
                SELECT FROM unnest(CAST(:types AS text[])) AS t
                WHERE position(convert_to('"' || t, 'UTF8') IN d.entry) > 0))
        AND (CAST(:accounts AS text[]) IS NULL OR e.actor_id = ANY(CAST(:accounts AS uuid[]))
            OR EXISTS (
                SELECT FROM unnest(CAST(:accounts AS text[])) AS a
                WHERE position(convert_to('"recipient_id":"' || a, 'UTF8') IN d.entry) > 0
                    OR e.type IS NULL AND position(convert_to(a, 'UTF8') IN d.entry) > 0))
        AND (CAST(:actors AS text[]) IS NULL OR e.actor_id = ANY(CAST(:actors AS uuid[]))
            OR e.type IS NULL AND EXISTS (
                SELECT FROM unnest(CAST(:actors AS text[])) AS a
                WHERE position(convert_to('"actor":"' || a, 'UTF8') IN d.entry) > 0))
        AND (CAST(:conversations AS uuid[]) IS NULL
            OR d.conversation_id = ANY(CAST(:conversations AS uuid[])))
        AND (CAST(:reason AS text) IS NULL OR position(lower(:reason) IN lower(d.reason)) > 0)
        AND (NOT :causes OR d.attempts > 0)
        AND (NOT :named OR d.event_id = ANY(CAST(:ids AS uuid[]))
            OR (d.partition || '/' || d."offset") = ANY(CAST(:places AS text[])))
    ORDER BY d.partition, d."offset" LIMIT CAST(:limit AS int8)
    """
)


def letters(
    connection: Connection, selection: LetterSelection, *, after: Place = BEGINNING, limit: int
) -> list[Letter]:
    """Return up to `limit` dead letters behind `after`, by partition and offset."""
    values = {**selection.parameters(), **page_behind(after, limit), "whole": True}
    return [_letter(placed(row)) for row in connection.execute(_LETTERS, values).mappings()]


def places(connection: Connection, selection: LetterSelection) -> list[Place]:
    """Return where every dead letter selected stands, by partition and offset."""
    every = {**page_behind(BEGINNING, 0), "limit": None, "whole": False}
    rows = connection.execute(_LETTERS, {**selection.parameters(), **every})
    return [Place(Partition(row.partition), Offset.parse(row.offset)) for row in rows]


def _letter(row: dict[str, Any]) -> Letter:
    entries = {
        name: None if row[name] is None else bytes(row[name])
        for name in ("entry", "original_entry")
    }
    return Letter(**{**row, **entries})
