"""The SELECT of `stream` that finds the same from the events of all, where those are few.

For an account with thousands of conversations, of which hardly any has changed since it looked.
Every join is a subquery of one row: whatever the planner thinks of the number of events, there is
no other way than by the index.
"""

from __future__ import annotations

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Subquery,
    bindparam,
    literal_column,
    select,
    true,
)

from database.models import ConversationMember, LoggedEvent, Message
from query_api.reads import stream_parts as parts
from query_api.reads.statements import LIMIT, ME, Statement

_ONE: ColumnElement[int] = literal_column("1")
# How many events there were in all partitions at the last look, and how many more are few.
_NUMBER = bindparam("number", type_=BigInteger)
_FEW = bindparam("few", type_=Integer)


def _fresh(head: CTE) -> CTE:
    """What was applied since, in all conversations of anybody; nothing where that is too much."""
    event, known = LoggedEvent.__table__.alias("e"), parts.known_places()
    since = (
        select(event, parts.FOR_ME.label("for_me"), parts.IS_ERASURE.label("erases"))
        .where(
            event.c.partition == known.c.partition,
            event.c.offset > known.c.reached,
            event.c.outcome == parts.APPLIED,
        )
        .order_by(event.c.offset)
        .limit(_FEW)
        .correlate(known)
        .lateral("since")
    )
    names = ("partition", "offset", "type", "conversation_id", "actor_id", "message_id", "position")
    return (
        select(*(since.c[name] for name in names), since.c.for_me, since.c.erases)
        .select_from(head.join(known, true()).join(since, true()))
        .where(head.c.number - _NUMBER <= _FEW)
        .cte("fresh")
        .prefix_with("MATERIALIZED")
    )


def _page(event: CTE) -> Subquery:
    member = ConversationMember.__table__.alias("c")
    mine = (
        select(member.c.peer_id)
        .where(member.c.conversation_id == event.c.conversation_id, member.c.account_id == ME)
        .limit(_ONE)
        .correlate(event)
        .lateral("mine")
    )
    named = Message.__table__.alias("n")
    its = (
        select(named)
        .where(named.c.id == event.c.message_id)
        .limit(_ONE)
        .correlate(event)
        .lateral("m")
    )
    happened = parts.happened(event, its)
    return (
        select(event.c.partition, event.c.conversation_id, mine.c.peer_id, *happened)
        .select_from(event.join(mine, true()).outerjoin(its, true()))
        .where(parts.told(event, its, for_me=event.c.for_me))
        .order_by(*parts.ORDER)
        .limit(LIMIT)
        .subquery("page")
    )


def _recent() -> Statement:
    head = parts.head()
    fresh = _fresh(head)
    erasures = select(_ONE).where(fresh.c.erases).exists()
    return Statement(parts.page_of(head, _page(fresh), erasures.label("erasures")))


# What is new for me behind places in all partitions, and whether an account was erased meanwhile.
RECENT = _recent()
