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
# What an operator's command holds is not another projector's: who comes waits until it is done.
_HOLDERS = 0x6D736768
_HOLD = text(
    "SELECT pg_advisory_xact_lock(:holders, p) FROM unnest(CAST(:partitions AS int[])) AS p"
)
_AWAIT_HOLDER = text("SELECT pg_advisory_xact_lock_shared(:holders, :partition)")
# Shared, so that two transactions of the one holder may keep projectors out.
_SHARE = text(
    'SELECT partition, "offset", number FROM event_log.checkpoint'
    " WHERE partition = ANY(CAST(:partitions AS int[])) ORDER BY partition FOR SHARE"
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
    """Lock and return the checkpoint until the transaction ends; None where a projector holds it.

    While an operator's command holds it, this waits, for nobody else would go on afterwards.
    """
    row = transaction.execute(_LOCK, {"partition": partition}).one_or_none()
    if row is None:
        transaction.execute(_AWAIT_HOLDER, {"holders": _HOLDERS, "partition": partition})
        row = transaction.execute(_LOCK, {"partition": partition}).one_or_none()
    if row is None:
        return None
    return Checkpoint(partition=partition, offset=Offset.parse(row[0]), number=row[1])


def hold(transaction: Connection, partitions: Sequence[Partition]) -> list[Checkpoint]:
    """Keep projectors out of `partitions` until the transaction ends; return the checkpoints.

    It waits for a batch that is being applied, and projectors wait for it.
    """
    transaction.execute(_HOLD, {"holders": _HOLDERS, "partitions": sorted(partitions)})
    return share(transaction, partitions)


def share(transaction: Connection, partitions: Sequence[Partition]) -> list[Checkpoint]:
    """Keep checkpoints where they are until the transaction ends, beside who holds them already."""
    return [
        Checkpoint(partition=Partition(row[0]), offset=Offset.parse(row[1]), number=row[2])
        for row in transaction.execute(_SHARE, {"partitions": list(partitions)})
    ]


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
