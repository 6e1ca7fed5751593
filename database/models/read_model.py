"""The read model: what queries are answered from, all of it a fold of the event log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Computed,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base
from database.models.search import SEARCH

_SCHEMA = {"schema": "read_model"}
_TIME = DateTime(timezone=True)


class Conversation(Base):
    """Two accounts' conversation; `last_position` is the highest position handed out in it."""

    __tablename__ = "conversation"
    __table_args__ = _SCHEMA

    id: Mapped[UUID] = mapped_column(primary_key=True)
    last_position: Mapped[int] = mapped_column(Integer)


class ConversationMember(Base):
    """A conversation as one of its two accounts sees it.

    `unread_count` and `last_message_id` count and name only what this account may see;
    `last_activity_at` is when the last message was sent, seen or not, and sorts the list.
    """

    __tablename__ = "conversation_member"
    __table_args__ = (
        Index(
            "ix_conversation_member_list",
            "account_id",
            "last_activity_at",
            "conversation_id",
        ),
        Index(
            "ix_conversation_member_unread",
            "account_id",
            postgresql_where=text("unread_count > 0"),
        ),
        _SCHEMA,
    )

    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    peer_id: Mapped[UUID] = mapped_column()
    read_position: Mapped[int] = mapped_column(Integer)
    unread_count: Mapped[int] = mapped_column(Integer)
    last_message_id: Mapped[UUID | None] = mapped_column()
    last_activity_at: Mapped[datetime] = mapped_column(_TIME)


class Message(Base):
    """A message at its position; a tombstone once `deleted_at` is set and its text is null.

    `search` holds its words and who may find it; see `database.models.search`.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("conversation_id", "position"),
        # Unread counts, the unread list and read receipts look at one side's messages alone.
        Index(
            "ix_message_conversation_id_sender_id_position",
            "conversation_id",
            "sender_id",
            "position",
        ),
        Index("ix_message_search", "search", postgresql_using="gin"),
        _SCHEMA,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column()
    position: Mapped[int] = mapped_column(Integer)
    sender_id: Mapped[UUID] = mapped_column()
    recipient_id: Mapped[UUID] = mapped_column()
    subject: Mapped[str | None] = mapped_column(Text)
    body: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(_TIME)
    edited_at: Mapped[datetime | None] = mapped_column(_TIME)
    deleted_at: Mapped[datetime | None] = mapped_column(_TIME)
    read_at: Mapped[datetime | None] = mapped_column(_TIME)
    hidden_for_sender: Mapped[bool] = mapped_column(Boolean, server_default=false())
    hidden_for_recipient: Mapped[bool] = mapped_column(Boolean, server_default=false())
    search: Mapped[str | None] = mapped_column(TSVECTOR, Computed(SEARCH, persisted=True))


class AccountRevision(Base):
    """How many changes of a partition an account could see: entity tags are made from it.

    A row for each partition, since only one projector at a time is at a partition: a row for each
    account would make the projectors wait for one another.
    """

    __tablename__ = "account_revision"
    __table_args__ = _SCHEMA

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)
