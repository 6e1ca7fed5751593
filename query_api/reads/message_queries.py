"""The SELECTs of `messages`: their columns are what a header counts, then those of the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
)

from database.models import ConversationMember
from query_api.reads.freshness import Query
from query_api.reads.stamps import of_conversation
from query_api.reads.statements import (
    CONVERSATION,
    LIMIT,
    ME,
    PEER,
    USERNAME,
    account_named,
    as_text,
    message,
    message_columns,
    seen_by_me,
    username_of,
    uuid_parameter,
)

# visible, epoch, then the peer's account, my username, whether there is more beyond the page's
# own bound, and the stamp.
HEADER = 6
# Of a single message: visible, epoch, its conversation, my username and the other's.
ONE_HEADER = 5

_AFTER = bindparam("after", type_=Integer)
_BEFORE = bindparam("before", type_=Integer)
_ONE: ColumnElement[int] = literal_column("1")
_FALSE: ColumnElement[bool] = literal_column("false")
_ONE_MESSAGE = uuid_parameter("message")


def _in_conversation(
    *criteria: ColumnElement[bool], tombstones: bool = False
) -> Sequence[ColumnElement[bool]]:
    mine = seen_by_me(message, tombstones=tombstones)
    return (message.c.conversation_id == CONVERSATION, *criteria, mine)


def _with_peer(page: Select[Any], beyond: ColumnElement[Any]) -> Query:
    """Select `page` if its conversation is that with the named user; who that is in any case."""

    def build(head: CTE) -> Select[Any]:
        rows = page.subquery("page")
        whose = and_(head.c.visible, head.c.peer == PEER)
        return (
            select(
                head.c.visible,
                head.c.epoch,
                as_text(head.c.peer, "peer"),
                head.c.me,
                head.c.beyond,
                head.c.stamp,
                *rows.c,
            )
            .select_from(head.outerjoin(rows, whose))
            .order_by(rows.c.position)
        )

    return Query(
        build,
        account_named(USERNAME).label("peer"),
        username_of(ME).label("me"),
        beyond.label("beyond"),
        of_conversation().label("stamp"),
    )


def _page(*, after: bool, before: bool, tombstones: bool) -> Query:
    bounds = [message.c.position > _AFTER] * after + [message.c.position < _BEFORE] * before
    order = message.c.position.asc() if after else message.c.position.desc()
    page = (
        select(*message_columns(message))
        .where(*_in_conversation(*bounds, tombstones=tombstones))
        .order_by(order)
        .limit(LIMIT)
    )
    beyond = _FALSE
    if after or before:
        other_side = message.c.position <= _AFTER if after else message.c.position >= _BEFORE
        beyond = exists(select(_ONE).where(*_in_conversation(other_side, tombstones=tombstones)))
    return _with_peer(page, beyond)


def _last(*criteria: ColumnElement[bool]) -> Query:
    page = (
        select(*message_columns(message))
        .where(*_in_conversation(*criteria))
        .order_by(message.c.position.desc())
        .limit(_ONE)
    )
    return _with_peer(page, _FALSE)


def _unread() -> Query:
    member = ConversationMember.__table__.alias("c")
    read_position = (
        select(member.c.read_position)
        .where(member.c.conversation_id == CONVERSATION, member.c.account_id == ME)
        .scalar_subquery()
    )
    bound = func.greatest(read_position, _AFTER)
    page = (
        select(*message_columns(message))
        .where(*_in_conversation(message.c.sender_id == PEER, message.c.position > bound))
        .order_by(message.c.position)
        .limit(LIMIT)
    )
    return _with_peer(page, _FALSE)


def _one(*, tombstones: bool) -> Query:
    mine = and_(
        or_(message.c.sender_id == ME, message.c.recipient_id == ME),
        seen_by_me(message, tombstones=tombstones),
    )
    peer = case((message.c.sender_id == ME, message.c.recipient_id), else_=message.c.sender_id)

    def build(head: CTE) -> Select[Any]:
        wanted = and_(head.c.visible, message.c.id == _ONE_MESSAGE, mine)
        return select(
            head.c.visible,
            head.c.epoch,
            as_text(message.c.conversation_id, "conversation_id"),
            head.c.me,
            username_of(peer).label("peer"),
            *message_columns(message),
        ).select_from(head.outerjoin(message, wanted))

    return Query(build, username_of(ME).label("me"))


# By whether there is a lower bound, an upper bound, and tombstones are asked for.
PAGES = {
    (after, before, tombstones): _page(after=after, before=before, tombstones=tombstones)
    for after in (False, True)
    for before in (False, True)
    for tombstones in (False, True)
}
LAST_FROM_EITHER = _last()
LAST_FROM_PEER = _last(message.c.sender_id == PEER)
UNREAD = _unread()
ONE = _one(tombstones=False)
ONE_OR_TOMBSTONE = _one(tombstones=True)
