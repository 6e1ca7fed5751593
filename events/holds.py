"""Holds: partitions whose next event takes the database longer than a statement may.

That is tried again for ever, since nobody can tell a slow event from a slow server; but operators
shall see which event it is, and may set it aside by hand. A hold ends by itself with the next step
of the checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from events.contracts.offsets import Offset
from runtime.ids import Partition


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A partition that is held up by the event right behind its checkpoint: since when, and why."""

    partition: Partition
    since: datetime
    reason: str


# Whoever holds the checkpoint's row is about to move it, or to fail and note it again.
_NO_PATIENCE = text("SET LOCAL lock_timeout = '1s'")
_NOTE = text(
    """
    UPDATE event_log.checkpoint SET held_offset = "offset", held_reason = :reason,
        held_since = CASE WHEN held_offset = "offset" THEN held_since ELSE :now END
    WHERE partition = :partition AND "offset" = :offset
    """
)
_HELD = text(
    """
    SELECT partition, held_since, held_reason FROM event_log.checkpoint
    WHERE held_offset = "offset" ORDER BY partition
    """
)


def note(
    transaction: Connection, partition: Partition, *, behind: Offset, reason: str, now: datetime
) -> None:
    """Remember that the first event behind `behind` failed, if the checkpoint is still there.

    Raises:
        sqlalchemy.exc.DBAPIError: The database is away, or another holds the checkpoint.
    """
    transaction.execute(_NO_PATIENCE)
    values = {"partition": partition, "offset": behind.sortable(), "reason": reason, "now": now}
    transaction.execute(_NOTE, values)


def held(connection: Connection) -> list[Hold]:
    """Return the partitions that are held up, in order."""
    return [
        Hold(partition=Partition(row[0]), since=row[1], reason=row[2])
        for row in connection.execute(_HELD)
    ]
