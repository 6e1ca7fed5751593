"""Checkpoints: how far each partition is durably applied, and the lock on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from events.contracts.offsets import START, Offset
from runtime.ids import Partition


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The last entry of a partition durably applied.

    Attributes:
        partition: Which partition.
        offset: The entry's offset.
        number: The entry's gapless number.
        paused: Why nothing more of the partition shall be applied for now, if so.
    """

    partition: Partition
    offset: Offset
    number: int
    paused: str | None = None


_ONE = text(
    'SELECT partition, "offset", number, pause_reason FROM event_log.checkpoint'
    " WHERE partition = :partition"
)
_LOCK = text(
    'SELECT partition, "offset", number, pause_reason FROM event_log.checkpoint'
    " WHERE partition = :partition FOR UPDATE SKIP LOCKED"
)
_AWAIT = text(
    'SELECT partition, "offset", number, pause_reason FROM event_log.checkpoint'
    " WHERE partition = :partition FOR UPDATE"
)
_ALL = text(
    'SELECT partition, "offset", number, pause_reason FROM event_log.checkpoint ORDER BY partition'
)
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
    return None if row is None else _checkpoint(row)


def await_lock(transaction: Connection, partition: Partition) -> Checkpoint | None:
    """Wait for the lock; return the checkpoint, None where there is no such partition.

    Raises:
        sqlalchemy.exc.DBAPIError: It took longer than the transaction's `lock_timeout`.
    """
    row = transaction.execute(_AWAIT, {"partition": partition}).one_or_none()
    return None if row is None else _checkpoint(row)


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
    return _checkpoint(connection.execute(_ONE, {"partition": partition}).one())


def read_all(connection: Connection) -> list[Checkpoint]:
    """Return all checkpoints, by partition."""
    return [_checkpoint(row) for row in connection.execute(_ALL)]


def _checkpoint(row: Row[*tuple[Any, ...]]) -> Checkpoint:
    partition, offset, number, paused = row
    return Checkpoint(
        partition=Partition(partition), offset=Offset.parse(offset), number=number, paused=paused
    )
