"""Checkpoints: how far each partition is durably applied, and the lock on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from events.contracts.offsets import START, Offset
from runtime.ids import Partition


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The last entry of a partition durably applied: its offset and its gapless number."""

    partition: Partition
    offset: Offset
    number: int


_LOCK = text(
    'SELECT "offset", number FROM event_log.checkpoint WHERE partition = :partition'
    " FOR UPDATE SKIP LOCKED"
)
_ALL = text('SELECT partition, "offset", number FROM event_log.checkpoint ORDER BY partition')
_ONE = text('SELECT "offset", number FROM event_log.checkpoint WHERE partition = :partition')
_ADVANCE = text(
    'UPDATE event_log.checkpoint SET "offset" = :offset, number = :number, updated_at = :now'
    " WHERE partition = :partition"
)
_CREATE = text(
    'INSERT INTO event_log.checkpoint (partition, "offset", number, updated_at)'
    " SELECT p, :offset, 0, :now FROM unnest(CAST(:partitions AS int[])) AS p"
    " ON CONFLICT DO NOTHING"
)


def lock(transaction: Connection, partition: Partition) -> Checkpoint | None:
    """Lock and return the checkpoint until the transaction ends; None where another holds it."""
    row = transaction.execute(_LOCK, {"partition": partition}).one_or_none()
    if row is None:
        return None
    return Checkpoint(partition=partition, offset=Offset.parse(row[0]), number=row[1])


def advance(transaction: Connection, checkpoint: Checkpoint, *, now: datetime) -> None:
    """Move a locked checkpoint."""
    transaction.execute(
        _ADVANCE,
        {
            "partition": checkpoint.partition,
            "offset": checkpoint.offset.sortable(),
            "number": checkpoint.number,
            "now": now,
        },
    )


def create(transaction: Connection, partitions: Sequence[int], *, now: datetime) -> None:
    """Make the checkpoints that are missing, at the start of their partitions."""
    values = {"partitions": list(partitions), "offset": START.sortable(), "now": now}
    transaction.execute(_CREATE, values)


def read(connection: Connection, partition: Partition) -> Checkpoint:
    """Return the checkpoint of `partition`, without a lock."""
    row = connection.execute(_ONE, {"partition": partition}).one()
    return Checkpoint(partition=partition, offset=Offset.parse(row[0]), number=row[1])


def read_all(connection: Connection) -> list[Checkpoint]:
    """Return all checkpoints, by partition."""
    return [
        Checkpoint(partition=Partition(row[0]), offset=Offset.parse(row[1]), number=row[2])
        for row in connection.execute(_ALL)
    ]
