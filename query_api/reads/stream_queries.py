"""The SELECT of `stream` that finds all behind a place, from the conversations of an account.

A conversation's partition follows from its id, so each conversation of the account costs one look
into an index of the log, however long the log is.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Subquery,
    Text,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)

from database.models import ConversationMember, LoggedEvent, Message
from query_api.reads import stream_parts as parts
from query_api.reads.statements import LIMIT, ME, Statement
from query_api.reads.stream_marks import my_conversations

_NOTHING: ColumnElement[str] = literal_column("''", Text)
# As `Reached.sortable` writes them.
_OFFSET_LENGTH: ColumnElement[int] = literal_column("41")
_WITHIN: ColumnElement[str] = literal_column("':'", Text)
_WITHIN_DIGITS: ColumnElement[str] = literal_column("'FM0000000000'", Text)
_DELETED: ColumnElement[str] = literal_column("'message.deleted.v0'", Text)

_event = LoggedEvent.__table__.alias("e")
_message = Message.__table__.alias("m")


def _happened(mine: FromClause, reached: ColumnElement[str]) -> Any:
    """What was done in a conversation behind a place, as far as I am told of it."""
    return (
        select(*parts.happened(_event, _message))
        .select_from(_event.outerjoin(_message, _message.c.id == _event.c.message_id))
        .where(
            _event.c.conversation_id == mine.c.conversation_id,
            _event.c.partition == mine.c.partition,
            _event.c.offset > reached,
            _event.c.outcome == parts.APPLIED,
            parts.told(_event, _message, for_me=parts.FOR_ME),
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
            parts.FALSE.label("by_me"),
            cast(null(), Integer).label("read_position"),
            parts.FALSE.label("hidden"),
            *parts.columns(_message),
        )
        .where(
            _event.c.actor_id == mine.c.peer_id,
            _event.c.partition == mine.c.partition,
            _event.c.offset >= func.left(reached, _OFFSET_LENGTH),
            parts.IS_ERASURE,
            _event.c.outcome == parts.APPLIED,
            _message.c.conversation_id == mine.c.conversation_id,
            _message.c.sender_id == mine.c.peer_id,
            _message.c.deleted_at == _event.c.occurred_at,
            _event.c.offset + _WITHIN + position > reached,
            ~parts.hidden(_message),
        )
        .order_by(_event.c.offset, _message.c.position)
        .limit(LIMIT)
        .correlate(mine)
    )


def _placed() -> Subquery:
    """My conversations, each with the place behind which it is to be read."""
    mine, known = my_conversations(), parts.known_places()
    reached = func.coalesce(known.c.reached, _NOTHING, type_=Text)
    return (
        select(mine, reached.label("reached"))
        .select_from(mine.outerjoin(known, known.c.partition == mine.c.partition))
        .subquery("placed")
    )


def _page() -> Subquery:
    placed = _placed()
    ways = (_happened(placed, placed.c.reached), _erased(placed, placed.c.reached))
    found = union_all(*ways).lateral("found")
    return (
        select(placed.c.partition, placed.c.conversation_id, placed.c.peer_id, *found.c)
        .select_from(placed.join(found, true()))
        .order_by(*parts.ORDER)
        .limit(LIMIT)
        .subquery("page")
    )


def _count() -> ColumnElement[int]:
    member = ConversationMember.__table__.alias("n")
    mine = select(func.count()).select_from(member).where(member.c.account_id == ME)
    return mine.scalar_subquery()


# What is new for me, and how many conversations I have.
AFTER = Statement(parts.page_of(parts.head(), _page(), _count().label("conversations")))
