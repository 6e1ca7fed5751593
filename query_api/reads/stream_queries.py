"""The SELECTs of `stream`: what the log has for an account behind its progress, in order.

A conversation's partition follows from its id, so each conversation of the account costs one look
into an index of the log, however long the log is.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    SmallInteger,
    Subquery,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)

from database.models import (
    AccountRevision,
    Checkpoint,
    ConversationMember,
    LoggedEvent,
    Message,
    QueueEpoch,
)
from query_api.reads.statements import (
    LIMIT,
    ME,
    Statement,
    as_text,
    directory,
    message_columns,
    username_of,
)

# My username and revision, then these, then whether I hid the message, and its columns.
SHOWN = slice(2, 10)
MESSAGE = 10

_ZERO: ColumnElement[int] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")
_FALSE: ColumnElement[bool] = literal_column("false")
_NOTHING: ColumnElement[str] = literal_column("''", Text)
_APPLIED: ColumnElement[str] = literal_column("'applied'", Text)
# As `Reached.sortable` writes them.
_OFFSET_LENGTH: ColumnElement[int] = literal_column("41")
_WITHIN: ColumnElement[str] = literal_column("':'", Text)
_WITHIN_DIGITS: ColumnElement[str] = literal_column("'FM0000000000'", Text)
_DELETED: ColumnElement[str] = literal_column("'message.deleted.v0'", Text)
_ERASURE: ColumnElement[bool] = literal_column("e.type LIKE 'account.deleted.v%'")
_FOR_ME: ColumnElement[bool] = literal_column("coalesce(e.data ->> 'for' = 'me', false)")

_event = LoggedEvent.__table__.alias("e")
_message = Message.__table__.alias("m")


def _mine() -> Subquery:
    """My conversations, each with its peer and its partition."""
    member, queue = ConversationMember.__table__.alias("c"), QueueEpoch.__table__.alias("q")
    hashed: ColumnElement[int] = func.crc32(func.uuid_send(member.c.conversation_id))
    partition = cast(hashed.bitwise_and(queue.c.partitions - _ONE), SmallInteger)
    return (
        select(member.c.conversation_id, member.c.peer_id, partition.label("partition"))
        .select_from(member.join(queue, queue.c.id == _ONE))
        .where(member.c.account_id == ME)
        .subquery("mine")
    )


def _hidden() -> ColumnElement[bool]:
    return case(
        (_message.c.sender_id == ME, _message.c.hidden_for_sender),
        else_=_message.c.hidden_for_recipient,
    )


def _happened(mine: FromClause, reached: ColumnElement[str]) -> Any:
    """What was done in a conversation behind a place, as far as I am told of it."""
    # A message that I deleted for myself is gone for me: but that I did is told, to me alone.
    told = case(
        (_event.c.message_id.is_(None), _event.c.position > _ZERO),
        (_FOR_ME, _event.c.actor_id == ME),
        else_=~_hidden(),
    )
    return (
        select(
            _event.c.offset,
            _ZERO.label("within"),
            _event.c.type,
            (_event.c.actor_id == ME).label("by_me"),
            _event.c.position.label("read_position"),
            func.coalesce(_hidden(), _FALSE).label("hidden"),
            *message_columns(_message),
        )
        .select_from(_event.outerjoin(_message, _message.c.id == _event.c.message_id))
        .where(
            _event.c.conversation_id == mine.c.conversation_id,
            _event.c.partition == mine.c.partition,
            _event.c.offset > reached,
            _event.c.outcome == _APPLIED,
            told,
        )
        .order_by(_event.c.offset)
        .limit(LIMIT)
        .correlate(mine)
    )


def _erased(mine: FromClause, reached: ColumnElement[str]) -> Any:
    """What the deletion of my peer's account made a tombstone, behind a place."""
    position = func.to_char(_message.c.position, _WITHIN_DIGITS, type_=Text)
    return (
        select(
            _event.c.offset,
            _message.c.position.label("within"),
            _DELETED.label("type"),
            _FALSE.label("by_me"),
            cast(null(), Integer).label("read_position"),
            _FALSE.label("hidden"),
            *message_columns(_message),
        )
        .where(
            _event.c.actor_id == mine.c.peer_id,
            _event.c.partition == mine.c.partition,
            _event.c.offset >= func.left(reached, _OFFSET_LENGTH),
            _ERASURE,
            _event.c.outcome == _APPLIED,
            _message.c.conversation_id == mine.c.conversation_id,
            _message.c.sender_id == mine.c.peer_id,
            _message.c.deleted_at == _event.c.occurred_at,
            _event.c.offset + _WITHIN + position > reached,
            ~_hidden(),
        )
        .order_by(_event.c.offset, _message.c.position)
        .limit(LIMIT)
        .correlate(mine)
    )


def _after() -> Statement:
    mine, peer = _mine(), directory.alias("p")
    known = (
        func.unnest(
            bindparam("partitions", type_=ARRAY(Integer)), bindparam("reached", type_=ARRAY(Text))
        )
        .table_valued(column("partition", Integer), column("reached", Text))
        .render_derived(name="known")
    )
    reached = func.coalesce(known.c.reached, _NOTHING, type_=Text)
    placed = (
        select(mine, reached.label("reached"))
        .select_from(mine.outerjoin(known, known.c.partition == mine.c.partition))
        .subquery("placed")
    )
    parts = (_happened(placed, placed.c.reached), _erased(placed, placed.c.reached))
    found = union_all(*parts).lateral("found")
    order = ("offset", "partition", "within")
    page = (
        select(
            placed.c.partition,
            *(found.c[name] for name in ("offset", "within", "type", "by_me", "read_position")),
            peer.c.username,
            as_text(placed.c.conversation_id, "conversation_id"),
            *(c for c in found.c if c.name not in _SELECTED),
        )
        .select_from(placed.join(found, true()).outerjoin(peer, peer.c.id == placed.c.peer_id))
        .order_by(*(literal_column(f'"{name}"') for name in order))
        .limit(LIMIT)
        .subquery("page")
    )
    columns = select(username_of(ME).label("me"), _revision(ME).label("revision"))
    head = columns.cte("head").prefix_with("MATERIALIZED")
    return Statement(
        select(head.c.me, head.c.revision, *page.c)
        .select_from(head.outerjoin(page, true()))
        .order_by(*(page.c[name] for name in order))
    )


_SELECTED = frozenset({"offset", "within", "type", "by_me", "read_position"})


def _revision(account: ColumnElement[Any]) -> ColumnElement[Any]:
    counted = AccountRevision.__table__.alias("r")
    return (
        select(func.coalesce(func.sum(counted.c.revision), _ZERO))
        .where(counted.c.account_id == account)
        .scalar_subquery()
    )


def _now() -> Statement:
    mine, checkpoint = _mine(), Checkpoint.__table__.alias("k")
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


# What is new for me.
AFTER = _after()
# Up to where my partitions are applied.
NOW = _now()
# How many changes each of some accounts could see.
REVISIONS = _revisions()
# Up to where some partitions are applied.
CHECKPOINTS = _checkpoints()
