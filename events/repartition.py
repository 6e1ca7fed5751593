"""Moves everything in the database to more partitions, while nothing is queued or applied.

Their number is a power of two, and a conversation's partition is the low bits of its hash: of more
partitions each old one gives its conversations to some of its own, in which offsets go on rising.
Fewer would mix offsets that nobody ever compared, so they are refused.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from runtime.errors import MessagingError

_MOST = 1024

# Reads go on; whoever applies, retries or derives anew waits for a checkpoint.
_HOLD = text("LOCK TABLE event_log.checkpoint, event_log.queue_epoch IN EXCLUSIVE MODE")
_PARTITIONS = text("SELECT partitions FROM event_log.queue_epoch WHERE id = 1")
_HINDRANCES = text(
    """
    SELECT (SELECT count(*) FROM event_log.dead_letter WHERE state = 'parked') AS parked,
        (SELECT count(*) FROM event_log.checkpoint WHERE pause_reason IS NOT NULL) AS paused,
        (SELECT count(*) FROM pg_namespace
         WHERE nspname IN ('read_model_next', 'read_model_old')) AS read_models
    """
)
# Of what names no conversation that exists it names a message, whose last 16 bits are the hash's.
# What names neither is an erasure's event.
_MISPLACED = text(
    """
    SELECT count(*) FROM event_log.event
    WHERE partition <> (:before - 1) & coalesce(event_log.conversation_hash(conversation_id),
        CAST(CAST('x' || right(CAST(message_id AS text), 4) AS bit(16)) AS integer))
    """
)
_MOVE = text(
    """
    UPDATE event_log.event AS e SET partition = moved.partition
    FROM (
        SELECT partition AS before, "offset", (:count - 1) & coalesce(
            event_log.conversation_hash(conversation_id),
            CAST(CAST('x' || right(CAST(message_id AS text), 4) AS bit(16)) AS integer)
        ) AS partition
        FROM event_log.event
    ) AS moved
    WHERE e.partition = moved.before AND e."offset" = moved."offset"
        AND moved.partition <> e.partition
    """
)
_MOVE_LETTERS = text(
    """
    UPDATE event_log.dead_letter AS d SET partition = e.partition
    FROM event_log.event AS e
    WHERE e.id = d.event_id AND e."offset" = d."offset" AND e.partition <> d.partition
    """
)
# An erasure has an event in every partition; its id ends in the partition's number.
_COPY_ERASURES = text(
    """
    INSERT INTO event_log.event (partition, "offset", id, type, conversation_id, actor_id,
        message_id, position, outcome, reason, data, request_id, traceparent, occurred_at,
        recorded_at)
    SELECT q, e."offset",
        CAST(overlay(CAST(e.id AS text) PLACING lpad(to_hex(q), 4, '0') FROM 33) AS uuid),
        e.type, e.conversation_id, e.actor_id, e.message_id, e.position, e.outcome, e.reason,
        e.data || jsonb_build_object('partition', q), e.request_id, e.traceparent, e.occurred_at,
        e.recorded_at
    FROM event_log.event AS e, generate_series(e.partition + :before, :count - 1, :before) AS q
    WHERE e.type LIKE 'account.deleted.%'
    """
)
_COUNT_ERASURES = text(
    """
    UPDATE event_log.event SET data = data || jsonb_build_object('partitions', :count)
    WHERE type LIKE 'account.deleted.%'
    """
)
_COPY_DELETED = text(
    """
    INSERT INTO event_log.deleted_account (account_id, partition, recorded_at)
    SELECT d.account_id, q, d.recorded_at FROM event_log.deleted_account AS d,
        generate_series(d.partition + :before, :count - 1, :before) AS q
    """
)
_COPY_CHECKPOINTS = text(
    """
    INSERT INTO event_log.checkpoint (partition, "offset", number, updated_at)
    SELECT q, c."offset", 0, :now FROM event_log.checkpoint AS c,
        generate_series(c.partition + :before, :count - 1, :before) AS q
    """
)
# Entity tags are made from them: what goes on from the old count never meets an old tag.
_COPY_REVISIONS = text(
    """
    INSERT INTO read_model.account_revision (account_id, partition, revision)
    SELECT r.account_id, q, r.revision FROM read_model.account_revision AS r,
        generate_series(r.partition + :before, :count - 1, :before) AS q
    """
)
# Redis does not know this epoch: nothing is appended before the new partitions are opened.
_OPEN_LATER = text(
    "UPDATE event_log.queue_epoch SET partitions = :count, epoch = epoch + 1 WHERE id = 1"
)
_AFTER = (
    _MOVE_LETTERS,
    _COPY_ERASURES,
    _COUNT_ERASURES,
    _COPY_DELETED,
    _COPY_CHECKPOINTS,
    _COPY_REVISIONS,
    _OPEN_LATER,
)


class RepartitionError(MessagingError):
    """The number of partitions cannot be changed to this, or not now."""


def check(connection: Connection, count: int) -> bool:
    """Return whether the database is still to be moved to `count` partitions.

    Raises:
        RepartitionError: It cannot be, or something must be decided first.
    """
    before = connection.execute(_PARTITIONS).scalar()
    if before is None:
        raise RepartitionError("The event queue was never opened: wait for the first sweep.")
    if count > _MOST or count & (count - 1) or count < before:
        raise RepartitionError(
            f"There are {before} partitions: give a power of two above that, up to {_MOST}."
        )
    found = connection.execute(_HINDRANCES).one()
    if found.parked:
        raise RepartitionError(f"{found.parked} events are parked: retry or discard them first.")
    if found.paused:
        raise RepartitionError("Partitions are paused: messaging events resume all")
    if found.read_models:
        raise RepartitionError("A rebuild is kept: messaging events rebuild --discard")
    return bool(count != before)


def move(transaction: Connection, count: int, *, now: datetime) -> int:
    """Move all to `count` partitions; return how many events changed their partition.

    Nothing may wait in the queue, and nothing may be appended until it is opened anew.

    Raises:
        RepartitionError: It cannot be moved, or an event lies where it does not belong.
    """
    transaction.execute(_HOLD)
    if not check(transaction, count):
        return 0
    values = {
        "before": transaction.execute(_PARTITIONS).scalar_one(),
        "count": count,
        "now": now,
    }
    misplaced = transaction.execute(_MISPLACED, values).scalar_one()
    if misplaced:
        raise RepartitionError(f"{misplaced} events lie in partitions that are not theirs.")
    moved = transaction.execute(_MOVE, values).rowcount
    for step in _AFTER:
        transaction.execute(step, values)
    return moved
