"""The SELECTs that tell a stream how far things are: partitions, replicas, accounts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    SmallInteger,
    Subquery,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)

from database.models import AccountRevision, Checkpoint, ConversationMember, QueueEpoch
from query_api.reads.statements import ME, Statement, as_text

_ZERO: ColumnElement[int] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")


def my_conversations() -> Subquery:
    """Return my conversations, each with its peer and its partition."""
    member, queue = ConversationMember.__table__.alias("c"), QueueEpoch.__table__.alias("q")
    hashed: ColumnElement[int] = func.event_log.conversation_hash(member.c.conversation_id)
    partition = cast(hashed.bitwise_and(queue.c.partitions - _ONE), SmallInteger)
    return (
        select(member.c.conversation_id, member.c.peer_id, partition.label("partition"))
        .select_from(member.join(queue, queue.c.id == _ONE))
        .where(member.c.account_id == ME)
        .subquery("mine")
    )


def revision_of(account: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return how many changes an account could see."""
    counted = AccountRevision.__table__.alias("r")
    return (
        select(func.coalesce(func.sum(counted.c.revision), _ZERO))
        .where(counted.c.account_id == account)
        .scalar_subquery()
    )


def _now() -> Statement:
    mine, checkpoint = my_conversations(), Checkpoint.__table__.alias("k")
    return Statement(
        select(checkpoint.c.partition, checkpoint.c.offset).where(
            checkpoint.c.partition.in_(select(mine.c.partition))
        )
    )


def _revisions() -> Statement:
    counted = AccountRevision.__table__.alias("r")
    accounts = func.unnest(bindparam("accounts", type_=ARRAY(Uuid(as_uuid=False))))
    columns: list[ColumnElement[Any]] = [
        as_text(counted.c.account_id, "account_id"),
        func.sum(counted.c.revision),
    ]
    return Statement(
        select(*columns)
        .where(counted.c.account_id.in_(select(accounts)))
        .group_by(counted.c.account_id)
    )


def _checkpoints() -> Statement:
    checkpoint = Checkpoint.__table__.alias("k")
    partitions = func.unnest(bindparam("partitions", type_=ARRAY(Integer)))
    return Statement(
        select(checkpoint.c.partition, checkpoint.c.offset).where(
            checkpoint.c.partition.in_(select(partitions))
        )
    )


# Up to where my partitions are applied.
NOW = _now()
# How many changes each of some accounts could see.
REVISIONS = _revisions()
# Up to where some partitions are applied.
CHECKPOINTS = _checkpoints()
