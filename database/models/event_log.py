"""The event log, the checkpoints and the dead letters: written by the workers alone.

An `offset` column holds `Offset.sortable()`: fixed width, so that text in the C collation sorts
and compares as offsets do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Text,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base

_SCHEMA = {"schema": "event_log"}
_TIME = DateTime(timezone=True)
_OFFSET = Text(collation="C")


class LoggedEvent(Base):
    """An event with its outcome: the permanent truth from which the read model is folded.

    `position` is what the projector assigned: of a sent message its number, of a
    `conversation.read` the read position that took effect. `conversation_id` is null where an edit
    or a delete names no message that exists.
    """

    __tablename__ = "event"
    __table_args__ = (
        CheckConstraint("outcome IN ('applied', 'rejected', 'parked')", name="outcome"),
        Index(
            "ix_event_conversation_id_partition_offset", "conversation_id", "partition", "offset"
        ),
        # Deleting for everyone redacts what the log says of a message.
        Index("ix_event_message_id", "message_id", postgresql_where=text("message_id IS NOT NULL")),
        # An event waits behind what is parked of its message, too.
        Index(
            "ix_event_parked_message_id_offset",
            "message_id",
            "offset",
            postgresql_where=text("outcome = 'parked' AND message_id IS NOT NULL"),
        ),
        # Erasing an account redacts what the log says of all that it did.
        Index("ix_event_actor_id_partition_offset", "actor_id", "partition", "offset"),
        Index("ix_event_occurred_at", "occurred_at", postgresql_using="brin"),
        _SCHEMA,
    )

    partition: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    offset: Mapped[str] = mapped_column(_OFFSET, primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(Text)
    conversation_id: Mapped[UUID | None] = mapped_column()
    actor_id: Mapped[UUID] = mapped_column()
    message_id: Mapped[UUID | None] = mapped_column()
    position: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str | None] = mapped_column(Text)
    traceparent: Mapped[str | None] = mapped_column(Text)
    occurred_at: Mapped[datetime] = mapped_column(_TIME)
    recorded_at: Mapped[datetime] = mapped_column(_TIME)


class Checkpoint(Base):
    """How far a partition is durably applied; its row lock admits one projector.

    `number` counts the entries up to `offset`, gapless: head's number minus it is the lag.
    `pause_reason` is set while the partition is paused; `paused_by` is then one of the causes of
    `events.pauses`, null for an operator. Poison parked before `resumed_at` does not count against
    the limit that pauses it. While `held_offset` is `offset`, the event behind it takes
    longer than a statement may.
    """

    __tablename__ = "checkpoint"
    __table_args__ = _SCHEMA

    partition: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    offset: Mapped[str] = mapped_column(_OFFSET)
    number: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(_TIME)
    paused_at: Mapped[datetime | None] = mapped_column(_TIME)
    pause_reason: Mapped[str | None] = mapped_column(Text)
    paused_by: Mapped[str | None] = mapped_column(Text)
    resumed_at: Mapped[datetime | None] = mapped_column(_TIME)
    held_offset: Mapped[str | None] = mapped_column(_OFFSET)
    held_since: Mapped[datetime | None] = mapped_column(_TIME)
    held_reason: Mapped[str | None] = mapped_column(Text)


class Canary(Base):
    """How far the canaries of a partition came; they are in no log.

    `appended_offset` is of the one sent last; the others are of the one applied last, written in
    the transaction that moved the checkpoint past it. Each is null where there was none yet.
    """

    __tablename__ = "canary"
    __table_args__ = _SCHEMA

    partition: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    appended_offset: Mapped[str | None] = mapped_column(_OFFSET)
    offset: Mapped[str | None] = mapped_column(_OFFSET)
    sent_at: Mapped[datetime | None] = mapped_column(_TIME)
    applied_at: Mapped[datetime | None] = mapped_column(_TIME)


class DeadLetter(Base):
    """An event set aside, with why; the later ones of its conversation wait behind it.

    `entry` is the queue's entry as it was found, since a poison event may not even be JSON.
    `event_id` and `conversation_id` are null where it could not be read so far. `original_entry` is
    what was found, once an operator has changed `entry`. `checked` is set once it is known to hold
    no text of an account whose deletion is applied; from then on the deletion itself sees to it.
    """

    __tablename__ = "dead_letter"
    __table_args__ = (
        CheckConstraint("state IN ('parked', 'retried', 'discarded')", name="state"),
        # What a batch names that waits here; how much of a partition is parked.
        Index(
            "ix_dead_letter_parked_conversation_id_offset",
            "partition",
            "conversation_id",
            "offset",
            postgresql_where=text("state = 'parked'"),
        ),
        # What is parked in a partition, in order.
        Index(
            "ix_dead_letter_parked_offset",
            "partition",
            "offset",
            postgresql_where=text("state = 'parked'"),
        ),
        # What the sweep has still to look at.
        Index(
            "ix_dead_letter_unchecked",
            "partition",
            "offset",
            postgresql_where=text("NOT checked"),
        ),
        Index("ix_dead_letter_event_id", "event_id"),
        _SCHEMA,
    )

    partition: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    offset: Mapped[str] = mapped_column(_OFFSET, primary_key=True)
    event_id: Mapped[UUID | None] = mapped_column()
    conversation_id: Mapped[UUID | None] = mapped_column()
    entry: Mapped[bytes] = mapped_column()
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    traceback: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    parked_at: Mapped[datetime] = mapped_column(_TIME)
    updated_at: Mapped[datetime] = mapped_column(_TIME)
    original_entry: Mapped[bytes | None] = mapped_column()
    checked: Mapped[bool] = mapped_column(server_default=false())


class QueueEpoch(Base):
    """Which life of the event queue the checkpoints speak of, and its number of partitions.

    One row. A Redis that was lost or replaced does not know the epoch and must be opened first.
    """

    __tablename__ = "queue_epoch"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), _SCHEMA)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(Integer)
    partitions: Mapped[int] = mapped_column(Integer)
    opened_at: Mapped[datetime] = mapped_column(_TIME)


class QueuedErasure(Base):
    """In which life of the event queue the erasure of a deleted account was queued."""

    __tablename__ = "queued_erasure"
    __table_args__ = _SCHEMA

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer)
    queued_at: Mapped[datetime] = mapped_column(_TIME)


class DeletedAccount(Base):
    """An account whose deletion is applied in a partition: its later events are rejected there."""

    __tablename__ = "deleted_account"
    __table_args__ = _SCHEMA

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(_TIME)


class Fold(Base):
    """How far a partition is folded into a read model that is not live, by its schema's name.

    `events` counts what was folded by rebuilds. What was taken back from the dead letters after
    `since` may lie before `offset` and be missing in that read model.
    """

    __tablename__ = "fold"
    __table_args__ = _SCHEMA

    read_model: Mapped[str] = mapped_column(Text, primary_key=True)
    partition: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    offset: Mapped[str] = mapped_column(_OFFSET)
    events: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[datetime] = mapped_column(_TIME)
