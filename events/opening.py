"""Opens the event queue: makes sure that no new entry can lie below a checkpoint.

A Redis that was lost, replaced or put back to an older state would hand out offsets that count as
applied already. It does not know the epoch that Postgres knows, so appends are refused until the
streams have been raised to the checkpoints, under a new epoch. While an export is imported, nothing
opens: what was accepted then would lie below the checkpoints that are still to come.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from events import checkpoints, pauses
from events.checkpoints import Checkpoint
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.errors import SettingsError
from runtime.ids import Epoch
from runtime.logging import get_logger

_log = get_logger(__name__)
_CREATE = text(
    "INSERT INTO event_log.queue_epoch (id, epoch, partitions, opened_at)"
    " VALUES (1, 0, :partitions, :now) ON CONFLICT DO NOTHING"
)
_LOCK = text("SELECT epoch, partitions FROM event_log.queue_epoch WHERE id = 1 FOR UPDATE")
_READ = text("SELECT epoch FROM event_log.queue_epoch WHERE id = 1")
_FORGET = text("UPDATE event_log.queue_epoch SET epoch = epoch + 1 WHERE id = 1")
_UPDATE = text("UPDATE event_log.queue_epoch SET epoch = :epoch, opened_at = :now WHERE id = 1")


class PartitionCountError(SettingsError):
    """The number of partitions differs from the one that the events were queued with."""


def ensure_open(queue: EventQueue, engine: Engine, *, clock: Clock) -> list[Checkpoint]:
    """Open the event queue unless it is open, or an import stands; return the checkpoints.

    Raises:
        PartitionCountError: The setting was changed although events exist.
        QueueUnavailableError: Redis is away.
    """
    with engine.begin() as transaction:
        known = checkpoints.read_all(transaction)
        if len(known) == len(queue.partitions) and _is_open(queue, transaction, known):
            return known
        return _open(queue, transaction, clock)


def hold(transaction: Connection) -> None:
    """Keep every worker from opening the event queue until the transaction ends."""
    transaction.execute(_LOCK)


def _is_open(queue: EventQueue, transaction: Connection, known: Sequence[Checkpoint]) -> bool:
    epoch = transaction.execute(_READ).scalar()
    if epoch is None or queue.epoch() != epoch:
        return False
    # Postgres is read first, so a number below the checkpoint's is a Redis that went back.
    numbers = queue.numbers()
    return all(numbers[checkpoint.partition] >= checkpoint.number for checkpoint in known)


def _open(queue: EventQueue, transaction: Connection, clock: Clock) -> list[Checkpoint]:
    now = clock()
    count = len(queue.partitions)
    transaction.execute(_CREATE, {"partitions": count, "now": now})
    row = transaction.execute(_LOCK).one()
    if row.partitions != count:
        raise PartitionCountError(
            f"MESSAGING_EVENT_PARTITIONS={count}, but the events were queued in {row.partitions} "
            f"partitions: set it back to {row.partitions}, or change the number of partitions with "
            "messaging events repartition."
        )
    checkpoints.create(transaction, queue.partitions, now=now)
    known = checkpoints.read_all(transaction)
    if any(pauses.is_import(checkpoint.paused) for checkpoint in known):
        _log.info("queue.kept_closed", reason=known[0].paused)
        return known
    if _is_open(queue, transaction, known):  # Another worker was faster.
        return known
    before = queue.epoch()
    queue.close()
    for checkpoint in known:
        queue.raise_to(checkpoint.partition, offset=checkpoint.offset, number=checkpoint.number)
    epoch = Epoch(max(row.epoch, before or 0) + 1)
    transaction.execute(_UPDATE, {"epoch": epoch, "now": now})
    # Before the commit, while we hold the row: if the commit fails, the two epochs differ and
    # the next sweep opens again.
    queue.open(epoch)
    _log.info("queue.opened", epoch=epoch, partitions=count)
    return known
