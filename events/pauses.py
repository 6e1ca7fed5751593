"""Pauses: partitions of which nothing is applied for now, by an operator's order or by the limit.

They are kept with the checkpoint, whose lock the projector holds: once a pause is committed, no
further event of the partition is applied. Commands are accepted all the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from runtime.ids import Partition

# An operator's order, the limit to poison, an import that is under way.
Cause = Literal["operator", "poison", "import"]


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A partition that is paused: since when, by what, and why in words."""

    partition: Partition
    since: datetime
    by: Cause
    reason: str


_IMPORT = "import of export "
_PAUSE = text(
    """
    UPDATE event_log.checkpoint SET paused_at = :now, paused_by = :by,
        pause_reason = :reason
    WHERE partition = ANY(CAST(:partitions AS int[])) AND pause_reason IS NULL
    RETURNING partition
    """
)
_RESUME = text(
    """
    UPDATE event_log.checkpoint SET paused_at = NULL, paused_by = NULL,
        pause_reason = NULL, resumed_at = :now
    WHERE partition = ANY(CAST(:partitions AS int[])) AND pause_reason IS NOT NULL
    RETURNING partition
    """
)
_PAUSED = text(
    """
    SELECT partition, paused_at, coalesce(paused_by, 'operator'), pause_reason
    FROM event_log.checkpoint WHERE pause_reason IS NOT NULL ORDER BY partition
    """
)


def pause(
    transaction: Connection,
    partitions: Collection[int],
    *,
    by: Cause = "operator",
    reason: str,
    now: datetime,
) -> set[Partition]:
    """Pause `partitions`; return those that were not paused before: the others keep their reason.

    Args:
        transaction: Waits for batches that are being applied.
        partitions: Which.
        by: On whose account.
        reason: Why, in words.
        now: Since when.
    """
    values = {"partitions": list(partitions), "by": by, "reason": reason, "now": now}
    return set(map(Partition, transaction.execute(_PAUSE, values).scalars()))


def resume(
    transaction: Connection, partitions: Collection[int], *, now: datetime
) -> set[Partition]:
    """Let `partitions` go on; return those that were paused.

    The sweep rings them. Poison of before no longer counts against the limit.
    """
    values = {"partitions": list(partitions), "now": now}
    return set(map(Partition, transaction.execute(_RESUME, values).scalars()))


def import_reason(export: UUID) -> str:
    """Return the reason of the pauses that an import of `export` keeps until all is there."""
    return f"{_IMPORT}{export}"


def is_import(reason: str | None) -> bool:
    """Return whether it is for an import that a partition is paused."""
    return reason is not None and reason.startswith(_IMPORT)


def paused(connection: Connection) -> list[Pause]:
    """Return all pauses, by partition."""
    return [
        Pause(partition=Partition(row[0]), since=row[1], by=row[2], reason=row[3])
        for row in connection.execute(_PAUSED)
    ]
