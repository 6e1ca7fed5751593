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
    Subquery,
    Text,
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
    LoggedEvent,
    Message,
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
from query_api.reads.stream_marks import my_conversations, revision_of

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
# What both ways of finding events select before the message's columns, and how all is sorted: of
# each partition a page so holds the first, and of a conversation too.
_HAPPENED = ("offset", "within", "type", "by_me", "read_position")
_ORDER = ("offset", "partition", "within")
_SHOWN = ("partition", *_HAPPENED, "username", "conversation", "hidden")

_event = LoggedEvent.__table__.alias("e")
_message = Message.__table__.alias("m")
# As they are: to write them as the API does is for the few that make up a page.
_columns = [
    _message.c[name]
    for name in (
        *("id", "position", "sender_id", "subject", "body"),
        *("sent_at", "edited_at", "deleted_at", "read_at"),
    )
]


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
            *_columns,
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
            *_columns,
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


def _placed() -> Subquery:
    """My conversations, each with the place behind which it is to be read."""
    mine = my_conversations()
    known = (
        func.unnest(
            bindparam("partitions", type_=ARRAY(Integer)), bindparam("reached", type_=ARRAY(Text))
        )
        .table_valued(column("partition", Integer), column("reached", Text))
        .render_derived(name="known")
    )
    reached = func.coalesce(known.c.reached, _NOTHING, type_=Text)
    return (
        select(mine, reached.label("reached"))
        .select_from(mine.outerjoin(known, known.c.partition == mine.c.partition))
        .subquery("placed")
    )


def _page() -> Subquery:
    placed, peer = _placed(), directory.alias("p")
    parts = (_happened(placed, placed.c.reached), _erased(placed, placed.c.reached))
    found = union_all(*parts).lateral("found")
    return (
        select(
            placed.c.partition,
            *(found.c[name] for name in _HAPPENED),
            peer.c.username,
            as_text(placed.c.conversation_id, "conversation"),
            *(column for column in found.c if column.name not in _HAPPENED),
        )
        .select_from(placed.join(found, true()).outerjoin(peer, peer.c.id == placed.c.peer_id))
        .order_by(*(literal_column(f'"{name}"') for name in _ORDER))
        .limit(LIMIT)
        .subquery("page")
    )


def _after() -> Statement:
    page = _page()
    columns = select(username_of(ME).label("me"), revision_of(ME).label("revision"))
    # There is always a row, and the revision is of the same snapshot.
    head = columns.cte("head").prefix_with("MATERIALIZED")
    return Statement(
        select(
            head.c.me,
            head.c.revision,
            *(page.c[name] for name in _SHOWN),
            *message_columns(page),
        )
        .select_from(head.outerjoin(page, true()))
        .order_by(*(page.c[name] for name in _ORDER))
    )


# What is new for me.
AFTER = _after()
