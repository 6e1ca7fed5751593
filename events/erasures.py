"""Erasures: what is owed to accounts that were deleted, until it is applied in every partition.

Whoever deletes an account writes what is owed in the same transaction. The sweep queues it; to
queue it twice does no harm, since the ids of its events are the same each time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from events.contracts.accounts import AccountDeleted, OrderedBy
from events.contracts.envelope import Envelope
from runtime.ids import (
    AccountId,
    Epoch,
    EventId,
    Partition,
    SessionId,
    event_of_erasure,
    new_erasure_id,
)

# Of many that are owed each sweep queues so many: commands want their place in the queue too.
_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What an account is owed since it was deleted.

    Attributes:
        account_id: The account.
        event_id: From which the ids of its events are made.
        requested_at: When it was deleted.
        ordered_by: Who ordered it.
        request_id: In which request, where there was one.
    """

    account_id: AccountId
    event_id: EventId
    requested_at: datetime
    ordered_by: OrderedBy
    request_id: str | None

    def envelopes(self, partitions: Collection[int]) -> list[Envelope]:
        """Return its events, one for each of all `partitions`."""
        return [
            Envelope(
                id=event_of_erasure(self.event_id, partition),
                event=AccountDeleted(
                    account_id=self.account_id,
                    in_partition=Partition(partition),
                    of_partitions=len(partitions),
                    ordered_by=self.ordered_by,
                ),
                actor_id=self.account_id,
                occurred_at=self.requested_at,
                request_id=self.request_id,
            )
            for partition in partitions
        ]


@dataclass(frozen=True, kw_only=True)
class Order:
    """An operator's order to delete an account, carried out once its transaction is committed.

    Attributes:
        account_id: The account.
        event_id: From which the ids of its events are made.
        accepted_at: When it was deleted.
        ended_sessions: The sessions that this ends.
    """

    account_id: AccountId
    event_id: EventId
    accepted_at: datetime
    ended_sessions: tuple[SessionId, ...]


# Queued in an earlier epoch is not queued: that queue was lost.
_OWED = text(
    """
    SELECT e.account_id, e.event_id, e.requested_at, e.ordered_by, e.request_id
    FROM identity.erasure AS e
    LEFT JOIN event_log.queued_erasure AS q ON q.account_id = e.account_id
    WHERE e.done_at IS NULL AND q.epoch IS DISTINCT FROM :epoch
    ORDER BY e.requested_at LIMIT :limit
    """
)
_NOTE_QUEUED = text(
    """
    INSERT INTO event_log.queued_erasure (account_id, epoch, queued_at)
    VALUES (:account_id, :epoch, :now)
    ON CONFLICT (account_id) DO UPDATE SET epoch = excluded.epoch, queued_at = excluded.queued_at
    """
)
_MARK_DELETED = text(
    """
    INSERT INTO event_log.deleted_account (account_id, partition, recorded_at)
    SELECT a, :partition, :now FROM unnest(CAST(:accounts AS uuid[])) AS a
    """
)
_DELETED = text(
    """
    SELECT account_id FROM event_log.deleted_account
    WHERE account_id = ANY(CAST(:accounts AS uuid[])) AND partition = :partition
    """
)
# Only where the database lost what auth_api wrote, while the queue kept the events.
_RETURNED = text(
    """
    SELECT a.username FROM identity.directory AS a
    WHERE EXISTS (SELECT FROM event_log.deleted_account AS d WHERE d.account_id = a.id)
    ORDER BY a.username
    """
)
_ORDER = text(
    "SELECT account_id, requested_at, ended_sessions"
    " FROM identity.delete_by_operator(:username, :event_id)"
)
_MISSING = text(
    """
    SELECT e.account_id, e.event_id, e.requested_at, e.ordered_by, e.request_id
    FROM identity.erasure AS e
    WHERE NOT EXISTS (
        SELECT FROM event_log.deleted_account AS d
        WHERE d.account_id = e.account_id AND d.partition = :partition
    )
    ORDER BY e.requested_at, e.account_id
    """
)
_FORGET = text("SELECT identity.forget_erased()")


def order(transaction: Connection, username: str) -> Order | None:
    """Delete the account of this exact name as an operator; None where there is none.

    Its access tokens go on until its sessions are revoked too: do that, then commit.
    """
    event_id = new_erasure_id()
    row = transaction.execute(_ORDER, {"username": username, "event_id": event_id}).one_or_none()
    if row is None:
        return None
    return Order(
        account_id=AccountId(row.account_id),
        event_id=event_id,
        accepted_at=row.requested_at,
        ended_sessions=tuple(map(SessionId, row.ended_sessions)),
    )


def owed(connection: Connection, epoch: Epoch) -> list[Erasure]:
    """Return erasures that are not queued in `epoch`, the oldest first, a hundred at most."""
    rows = connection.execute(_OWED, {"epoch": epoch, "limit": _AT_ONCE})
    return list(map(_erasure, rows))


def missing(connection: Connection, partition: Partition) -> list[Erasure]:
    """Return the erasures of which `partition` knows nothing, done or not, the oldest first."""
    rows = connection.execute(_MISSING, {"partition": partition})
    return list(map(_erasure, rows))


def _erasure(row: Row[*tuple[Any, ...]]) -> Erasure:
    return Erasure(
        account_id=AccountId(row.account_id),
        event_id=EventId(row.event_id),
        requested_at=row.requested_at,
        ordered_by=row.ordered_by,
        request_id=row.request_id,
    )


def note_queued(
    transaction: Connection, account_id: AccountId, epoch: Epoch, *, now: datetime
) -> None:
    """Remember that an account's erasure is queued in `epoch`."""
    values = {"account_id": account_id, "epoch": epoch, "now": now}
    transaction.execute(_NOTE_QUEUED, values)


def forget(transaction: Connection) -> int:
    """Free the names of accounts whose erasure is applied in every partition; return how many."""
    return int(transaction.execute(_FORGET).scalar_one())


def mark_deleted(
    transaction: Connection, partition: Partition, accounts: Sequence[AccountId], *, now: datetime
) -> None:
    """Remember that events of these accounts have no effect in `partition` any more."""
    if accounts:
        values = {"accounts": list(accounts), "partition": partition, "now": now}
        transaction.execute(_MARK_DELETED, values)


def deleted_among(
    transaction: Connection, partition: Partition, accounts: Collection[UUID]
) -> set[AccountId]:
    """Return those of `accounts` whose deletion is applied in `partition`."""
    if not accounts:
        return set()
    values = {"accounts": list(accounts), "partition": partition}
    return {AccountId(found) for found in transaction.execute(_DELETED, values).scalars()}


def returned(connection: Connection) -> list[str]:
    """Return the names of accounts that live although their deletion was applied."""
    return list(connection.execute(_RETURNED).scalars())
