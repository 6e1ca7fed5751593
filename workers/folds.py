"""How far each partition is folded into a spare read model: so a rebuild goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from events.contracts.offsets import START, Offset
from runtime.ids import ConversationId, Partition


@dataclass(frozen=True, kw_only=True)
class Fold:
    """How far a partition is folded.

    Attributes:
        partition: Which.
        offset: Of the last event folded.
        events: How many were folded.
    """

    partition: Partition
    offset: Offset
    events: int


# Dead letters bear the time of their worker. To look at one twice is harmless.
_CLOCKS_DIFFER = timedelta(minutes=5)
_BEGIN = text(
    """
    INSERT INTO event_log.fold (read_model, partition, "offset", events, since)
    SELECT :read_model, p, :offset, 0, :since FROM unnest(CAST(:partitions AS int[])) AS p
    """
)
_BEGIN_LIVE = text(
    """
    INSERT INTO event_log.fold (read_model, partition, "offset", events, since)
    SELECT :read_model, partition, "offset", 0, :since FROM event_log.checkpoint
    """
)
_FORGET = text("DELETE FROM event_log.fold WHERE read_model = ANY(CAST(:read_models AS text[]))")
_ALL = text(
    'SELECT partition, "offset", events FROM event_log.fold WHERE read_model = :read_model'
    " ORDER BY partition"
)
_LOCK = text(
    'SELECT partition, "offset", events FROM event_log.fold'
    " WHERE read_model = :read_model AND partition = :partition FOR UPDATE"
)
_ADVANCE = text(
    'UPDATE event_log.fold SET "offset" = :offset, events = events + :events'
    " WHERE read_model = :read_model AND partition = :partition"
)
# Taken back from the dead letters, an event takes effect long after its offset was passed here.
_LATE = text(
    """
    SELECT DISTINCT d.partition, coalesce(e.conversation_id, d.conversation_id) AS conversation
    FROM event_log.fold AS f
    JOIN event_log.dead_letter AS d ON d.partition = f.partition
        AND d.updated_at >= f.since AND d."offset" <= f."offset"
    LEFT JOIN event_log.event AS e ON e.partition = d.partition AND e."offset" = d."offset"
    WHERE f.read_model = :read_model AND d.state <> 'parked'
    """
)
_BEHIND = text(
    """
    SELECT f.partition FROM event_log.fold AS f
    WHERE f.read_model = :read_model AND EXISTS (
        SELECT FROM event_log.event AS e
        WHERE e.partition = f.partition AND e."offset" > f."offset" AND e.outcome = 'applied'
    )
    """
)
_SETTLED = text("UPDATE event_log.fold SET since = :since WHERE read_model = :read_model")


def begin(
    transaction: Connection, read_model: str, partitions: Sequence[Partition], *, now: datetime
) -> None:
    """Note that nothing of `partitions` is folded into a new read model."""
    values = {"read_model": read_model, "since": now - _CLOCKS_DIFFER}
    start = {"partitions": list(partitions), "offset": START.sortable()}
    transaction.execute(_BEGIN, {**values, **start})


def begin_at_checkpoints(transaction: Connection, read_model: str, *, now: datetime) -> None:
    """Note that a read model is folded up to the checkpoints, which must be held."""
    values = {"read_model": read_model, "since": now - _CLOCKS_DIFFER}
    transaction.execute(_BEGIN_LIVE, values)


def forget(transaction: Connection, *read_models: str) -> None:
    """Note nothing of these read models any more."""
    transaction.execute(_FORGET, {"read_models": list(read_models)})


def read_all(connection: Connection, read_model: str) -> list[Fold]:
    """Return how far each partition is folded; nothing of a read model that is not noted."""
    return [_fold(row) for row in connection.execute(_ALL, {"read_model": read_model})]


def lock(transaction: Connection, read_model: str, partition: Partition) -> Fold:
    """Lock and return how far a partition is folded until the transaction ends."""
    values = {"read_model": read_model, "partition": partition}
    return _fold(transaction.execute(_LOCK, values).one())


def advance(
    transaction: Connection, read_model: str, partition: Partition, offset: Offset, *, events: int
) -> None:
    """Move a locked fold by so many events up to `offset`."""
    values = {"read_model": read_model, "partition": partition}
    transaction.execute(_ADVANCE, {**values, "offset": offset.sortable(), "events": events})


def behind(connection: Connection, read_model: str) -> list[Partition]:
    """Return the partitions of which the log has more than is folded."""
    rows = connection.execute(_BEHIND, {"read_model": read_model})
    return [Partition(found) for found in rows.scalars()]


def late(connection: Connection, read_model: str) -> list[tuple[Partition, ConversationId]]:
    """Return the conversations of which events took effect behind the fold's back."""
    rows = connection.execute(_LATE, {"read_model": read_model})
    return [
        (Partition(row.partition), ConversationId(row.conversation))
        for row in rows
        if row.conversation is not None
    ]


def note_settled(transaction: Connection, read_model: str, *, now: datetime) -> None:
    """Note that what was late until now is in it."""
    transaction.execute(_SETTLED, {"read_model": read_model, "since": now - _CLOCKS_DIFFER})


def _fold(row: Row[Any]) -> Fold:
    return Fold(
        partition=Partition(row.partition), offset=Offset.parse(row.offset), events=row.events
    )
