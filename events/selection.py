"""Selects events of the log for operators: filters, pages, the rows as they see them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, select, text

from database.models import LoggedEvent
from events.contracts.offsets import START, Offset
from events.contracts.outcomes import Outcome
from runtime.ids import AccountId, ConversationId, Partition


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which events of the log are meant: those that pass every filter given.

    Attributes:
        partitions: Of these partitions; empty, as everywhere here: of all.
        since: Accepted then or later.
        until: Accepted before.
        types: Of these types: `message.sent.v1`, or `message.sent` for all its versions.
        accounts: By one of these accounts, or sent to it.
        actors: By one of these accounts; the log has an index for it.
        conversations: Of these conversations.
        outcomes: Of which this became.
    """

    partitions: tuple[Partition, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    types: tuple[str, ...] = ()
    accounts: tuple[AccountId, ...] = ()
    actors: tuple[AccountId, ...] = ()
    conversations: tuple[ConversationId, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    @property
    def chooses_events(self) -> bool:
        """Whether a filter speaks of single events, not of conversations as a whole."""
        return bool(self.since or self.until or self.types or self.actors or self.outcomes)

    @property
    def is_whole_partitions(self) -> bool:
        """Whether no filter but that of partitions is given."""
        return not (self.chooses_events or self.accounts or self.conversations)

    def parameters(self) -> dict[str, Any]:
        """Return the filters for a statement: null where one is not given."""
        return {
            "partitions": list(self.partitions) or None,
            "since": self.since,
            "until": self.until,
            "types": list(self.types) or None,
            "versions": [f"{_literal(name)}.v%" for name in self.types],
            "accounts": [str(account) for account in self.accounts] or None,
            "actors": [str(account) for account in self.actors] or None,
            "conversations": list(self.conversations) or None,
            "outcomes": list(self.outcomes) or None,
        }


def _literal(words: str) -> str:
    """Return a pattern of LIKE that stands for nothing but `words`."""
    return re.sub(r"([\\%_])", r"\\\1", words)


EVERYTHING = Selection()


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
    outcome: Outcome
    reason: str | None
    data: dict[str, Any]
    request_id: str | None
    traceparent: str | None
    occurred_at: datetime
    recorded_at: datetime


_LOG = LoggedEvent.__table__.alias("e")
# A filter that is not given is null: its condition is gone before the statement is planned, for
# the values stand in its text.
_FILTER = text(
    """
    (CAST(:partitions AS int[]) IS NULL OR e.partition = ANY(CAST(:partitions AS int[])))
    AND (CAST(:since AS timestamptz) IS NULL OR e.occurred_at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR e.occurred_at < :until)
    AND (CAST(:types AS text[]) IS NULL OR e.type = ANY(CAST(:types AS text[]))
        OR e.type LIKE ANY(CAST(:versions AS text[])))
    AND (CAST(:accounts AS text[]) IS NULL OR e.actor_id = ANY(CAST(:accounts AS uuid[]))
        OR e.data ->> 'recipient_id' = ANY(CAST(:accounts AS text[])))
    AND (CAST(:actors AS uuid[]) IS NULL OR e.actor_id = ANY(CAST(:actors AS uuid[])))
    AND (CAST(:conversations AS uuid[]) IS NULL
        OR e.conversation_id = ANY(CAST(:conversations AS uuid[])))
    AND (CAST(:outcomes AS text[]) IS NULL OR e.outcome = ANY(CAST(:outcomes AS text[])))
    """
)
_EVENTS = (
    select(_LOG)
    .where(text('(e.partition, e."offset") > (:partition, :offset)'), _FILTER)
    .order_by(text('e.partition, e."offset"'))
    .limit(bindparam("limit"))
)
_COUNT = select(func.count()).select_from(_LOG).where(_FILTER)


def events(
    connection: Connection, selection: Selection, *, after: Place = BEGINNING, limit: int
) -> list[Logged]:
    """Return up to `limit` rows of the log behind `after`, by partition and offset."""
    values = {**selection.parameters(), **page_behind(after, limit)}
    return [Logged(**placed(row)) for row in connection.execute(_EVENTS, values).mappings()]


def count(connection: Connection, selection: Selection) -> int:
    """Return how many rows of the log are meant."""
    return int(connection.execute(_COUNT, selection.parameters()).scalar_one())


def conversations() -> Select[tuple[UUID | None]]:
    """Return the statement for the conversations of events; it wants `Selection.parameters`."""
    return select(_LOG.c.conversation_id).where(_FILTER).distinct()


def page_behind(after: Place, limit: int) -> dict[str, Any]:
    """Return what a statement for a page wants besides its filters."""
    return {"partition": after.partition, "offset": after.offset.sortable(), "limit": limit}


def placed(row: RowMapping) -> dict[str, Any]:
    """Return the columns of a row with its place instead of partition and offset."""
    return {
        "place": Place(Partition(row["partition"]), Offset.parse(row["offset"])),
        **{name: row[name] for name in row if name not in ("partition", "offset")},
    }
