"""Accounts, their sessions and refresh tokens: the auth API's alone.

The view `identity.directory (id, username)`, made by a migration, is what others see of it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base

_SCHEMA = {"schema": "identity"}
_TIME = DateTime(timezone=True)


class Account(Base):
    """A person's account; `email_key` is the e-mail address folded for comparison.

    A deleted one keeps its names until all that it wrote is erased: then they are null, and free.
    """

    __tablename__ = "account"
    __table_args__ = _SCHEMA

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str | None] = mapped_column(Text, unique=True)
    email: Mapped[str | None] = mapped_column(Text)
    email_key: Mapped[str | None] = mapped_column(Text, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(_TIME)
    deleted_at: Mapped[datetime | None] = mapped_column(_TIME)


class Session(Base):
    """One login: a family of refresh tokens that ends as a whole."""

    __tablename__ = "session"
    __table_args__ = (
        Index("ix_session_account_id", "account_id"),
        _SCHEMA,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("identity.account.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(_TIME)
    last_used_at: Mapped[datetime] = mapped_column(_TIME)
    expires_at: Mapped[datetime] = mapped_column(_TIME)
    user_agent: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(_TIME)


class RefreshToken(Base):
    """A refresh token handed out in a session; rotated once used."""

    __tablename__ = "refresh_token"
    __table_args__ = (
        Index("ix_refresh_token_session_id", "session_id"),
        _SCHEMA,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("identity.session.id", ondelete="CASCADE"))
    issued_at: Mapped[datetime] = mapped_column(_TIME)
    rotated_at: Mapped[datetime | None] = mapped_column(_TIME)


class Erasure(Base):
    """What a deleted account is owed: that its text is erased; `done_at` says that it is.

    `event_id` is that of its event in partition 0; the others' end in their partition's number.
    `ordered_by` says who ordered it: its owner, or an operator.
    """

    __tablename__ = "erasure"
    __table_args__ = (
        Index("ix_erasure_owed", "requested_at", postgresql_where=text("done_at IS NULL")),
        CheckConstraint("ordered_by IN ('owner', 'operator')", name="ordered_by"),
        _SCHEMA,
    )

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("identity.account.id", ondelete="CASCADE"), primary_key=True
    )
    event_id: Mapped[UUID] = mapped_column()
    requested_at: Mapped[datetime] = mapped_column(_TIME)
    request_id: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None] = mapped_column(_TIME)
    # The default is for the auth API of before, who need not know it: its orders are owners'.
    ordered_by: Mapped[str] = mapped_column(Text, server_default="owner")


class DirectoryRevision(Base):
    """How often usernames have changed or gone, by a trigger: entity tags are made from it too.

    One row. Answers name accounts by the present username, of which the event log knows nothing.
    """

    __tablename__ = "directory_revision"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), _SCHEMA)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(BigInteger)
