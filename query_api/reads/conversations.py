"""Reads the list of an account's conversations, the latest first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from sqlalchemy import (
    CTE,
    DateTime,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)

from database.models import Conversation, ConversationMember
from query_api.reads import answers
from query_api.reads.answers import ConversationItem, Names
from query_api.reads.freshness import Freshness, Query
from query_api.reads.reader import Reader
from query_api.reads.replica import Row
from query_api.reads.statements import (
    LIMIT,
    ME,
    as_rfc3339,
    as_text,
    directory,
    message,
    message_columns,
    username_of,
    uuid_parameter,
)
from runtime.ids import AccountId

Direction = Literal["older", "newer"]

# visible, epoch, my username, then these, then the last message.
_SHOWN = slice(3, 10)
_LAST_MESSAGE = 10


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in the list, between two conversations: `older` or `newer` than the one named.

    Attributes:
        direction: On which side of the conversation the page lies.
        active_at: When the last message of that conversation was sent, in RFC 3339.
        conversation_id: Which conversation.
    """

    direction: Direction
    active_at: str
    conversation_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationPage:
    """Conversations, the latest first, and the places where the pages next to it start."""

    items: list[ConversationItem]
    older: Place | None = None
    newer: Place | None = None


class Conversations:
    """Reads conversations as one of the two of each."""

    def __init__(self, reader: Reader) -> None:
        """Read by `reader`."""
        self._reader = reader

    def page(
        self, me: AccountId, *, limit: int, place: Place | None, freshness: Freshness
    ) -> ConversationPage:
        """Return the latest conversations, or those next to a place."""
        parameters: dict[str, object] = {"me": str(me), "limit": limit + 1}
        if place is not None:
            parameters |= {"active_at": place.active_at, "conversation": place.conversation_id}
        query = _PAGES[place.direction if place else None]
        rows = [row for row in self._reader.read(query, parameters, freshness) if row[_SHOWN.start]]
        more = len(rows) > limit
        backwards = place is not None and place.direction == "newer"
        rows = rows[-limit:] if backwards else rows[:limit]
        return ConversationPage(
            items=[_item(row) for row in rows],
            older=_place("older", rows[-1]) if rows and (more or backwards) else None,
            newer=_place("newer", rows[0]) if rows and _has_newer(place, more=more) else None,
        )


def _has_newer(place: Place | None, *, more: bool) -> bool:
    return place is not None and (more or place.direction == "older")


def _place(direction: Direction, row: Row) -> Place:
    return Place(
        direction=direction, active_at=row[_SHOWN.stop - 1], conversation_id=row[_SHOWN.start]
    )


def _item(row: Row) -> ConversationItem:
    conversation_id, peer, unread, last, mine, theirs, _ = row[_SHOWN]
    names = Names(me=row[2], peer=peer)
    shown = row[_LAST_MESSAGE:]
    last_message = answers.message(shown, conversation_id, names) if shown[0] else None
    return {
        "conversation_id": conversation_id,
        "with": peer,
        "last_message": last_message,
        "unread_count": unread,
        "last_position": last,
        "read_position": mine,
        "peer_read_position": theirs,
    }


def _page(direction: Direction | None) -> Query:
    member = ConversationMember.__table__.alias("c")
    place = tuple_(member.c.last_activity_at, member.c.conversation_id)
    named = tuple_(
        bindparam("active_at", type_=DateTime(timezone=True)), uuid_parameter("conversation")
    )
    page = select(member).where(member.c.account_id == ME).limit(LIMIT)
    if direction == "newer":
        page = page.where(place > named)
        page = page.order_by(member.c.last_activity_at, member.c.conversation_id)
    else:
        page = page.where(place < named) if direction else page
        page = page.order_by(member.c.last_activity_at.desc(), member.c.conversation_id.desc())
    return Query(partial(_with_last_messages, page), username_of(ME).label("me"))


def _with_last_messages(page: Select[Any], head: CTE) -> Select[Any]:
    mine, peer = page.subquery("mine"), directory.alias("p")
    whole = Conversation.__table__.alias("w")
    theirs = ConversationMember.__table__.alias("t")
    last_position = (
        select(whole.c.last_position).where(whole.c.id == mine.c.conversation_id).scalar_subquery()
    )
    peer_read_position = (
        select(theirs.c.read_position)
        .where(
            theirs.c.conversation_id == mine.c.conversation_id,
            theirs.c.account_id == mine.c.peer_id,
        )
        .scalar_subquery()
    )
    return (
        select(
            head.c.visible,
            head.c.epoch,
            head.c.me,
            as_text(mine.c.conversation_id, "conversation_id"),
            peer.c.username.label("peer"),
            mine.c.unread_count,
            last_position.label("last_position"),
            mine.c.read_position,
            func.coalesce(peer_read_position, literal_column("0")).label("peer_read_position"),
            as_rfc3339(mine.c.last_activity_at, "active_at"),
            *message_columns(message),
        )
        .select_from(
            head.outerjoin(mine, head.c.visible)
            .outerjoin(peer, peer.c.id == mine.c.peer_id)
            .outerjoin(message, message.c.id == mine.c.last_message_id)
        )
        .order_by(mine.c.last_activity_at.desc(), mine.c.conversation_id.desc())
    )


_PAGES: dict[Direction | None, Query] = {
    None: _page(None),
    "older": _page("older"),
    "newer": _page("newer"),
}
