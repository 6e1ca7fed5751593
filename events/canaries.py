"""Canaries: of each partition one row, which says how far they were appended and applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from events.contracts.offsets import Offset
from runtime.ids import Partition


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A canary as its partition's queue holds it.

    Attributes:
        offset: Its place.
        sent_at: When it was sent.
    """

    offset: Offset
    sent_at: datetime


_NOTE_APPENDED = text(
    """
    INSERT INTO event_log.canary (partition, appended_offset) VALUES (:partition, :offset)
    ON CONFLICT (partition) DO UPDATE SET appended_offset = excluded.appended_offset
    """
)
_NOTE_APPLIED = text(
    """
    INSERT INTO event_log.canary (partition, "offset", sent_at, applied_at)
    VALUES (:partition, :offset, :sent_at, :now)
    ON CONFLICT (partition) DO UPDATE
    SET "offset" = excluded."offset", sent_at = excluded.sent_at, applied_at = excluded.applied_at
    """
)
_APPENDED = text(
    "SELECT partition, appended_offset FROM event_log.canary WHERE appended_offset IS NOT NULL"
)
_APPLIED = text('SELECT partition, "offset" FROM event_log.canary WHERE "offset" IS NOT NULL')
_SENT = text("SELECT partition, sent_at FROM event_log.canary WHERE sent_at IS NOT NULL")


def appended(connection: Connection) -> dict[Partition, Offset]:
    """Return of each partition the offset of the canary that was appended last."""
    return {Partition(row[0]): Offset.parse(row[1]) for row in connection.execute(_APPENDED)}


def note_appended(transaction: Connection, offsets: Mapping[Partition, Offset]) -> None:
    """Remember the canaries just appended, by partition."""
    rows = [
        {"partition": partition, "offset": offset.sortable()}
        for partition, offset in sorted(offsets.items())
    ]
    if rows:
        transaction.execute(_NOTE_APPENDED, rows)


def note_applied(
    transaction: Connection, partition: Partition, canary: Canary, *, now: datetime
) -> None:
    """Say that `canary` came through, in the transaction that moves the checkpoint past it."""
    transaction.execute(
        _NOTE_APPLIED,
        {
            "partition": partition,
            "offset": canary.offset.sortable(),
            "sent_at": canary.sent_at,
            "now": now,
        },
    )


def applied(connection: Connection) -> dict[Partition, Offset]:
    """Return of each partition the offset of the canary that was applied last."""
    return {Partition(row[0]): Offset.parse(row[1]) for row in connection.execute(_APPLIED)}


def last_sent(connection: Connection) -> dict[Partition, datetime]:
    """Return of each partition when the newest canary that was applied had been sent."""
    return {Partition(row[0]): row[1] for row in connection.execute(_SENT)}
