"""Reads the list of an account's conversations, the latest first."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import CTE, Select, func, literal_column, select

from database.models import Conversation, ConversationMember
from query_api.reads import answers
from query_api.reads.answers import ConversationItem, Names
from query_api.reads.freshness import Freshness, Query
from query_api.reads.places import Direction, Page, PageEdge, cut, sorted_page
from query_api.reads.reader import Reader
from query_api.reads.replica import Row
from query_api.reads.stamps import Stamped, of_account
from query_api.reads.statements import (
    ME,
    as_rfc3339,
    as_text,
    directory,
    message,
    message_columns,
    username_of,
)
from runtime.ids import AccountId

# visible, epoch, my username, the stamp, then these, then the last message.
_STAMP = 3
_SHOWN = slice(4, 11)
_ID, _ACTIVE_AT = 4, 10
_LAST_MESSAGE = 11


class Conversations:
    """Reads conversations as one of the two of each."""

    def __init__(self, reader: Reader) -> None:
        """Read by `reader`."""
        self._reader = reader

    def page(
        self, me: AccountId, *, limit: int, place: PageEdge | None, freshness: Freshness
    ) -> Stamped[Page[ConversationItem]]:
        """Return the latest conversations, or those next to a place."""
        parameters: dict[str, object] = {"me": str(me), "limit": limit + 1}
        parameters |= place.parameters() if place else {}
        query = _PAGES[place.direction if place else None]
        rows = self._reader.read(query, parameters, freshness)
        found = cut(
            [row for row in rows if row[_ID]], place, limit=limit, moment=_ACTIVE_AT, id=_ID
        )
        page = Page(items=[_item(row) for row in found.rows], older=found.older, newer=found.newer)
        return Stamped(value=page, stamp=rows[0][_STAMP])


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
    page = sorted_page(
        select(member).where(member.c.account_id == ME),
        direction,
        moment=member.c.last_activity_at,
        id=member.c.conversation_id,
    )
    return Query(
        partial(_with_last_messages, page),
        username_of(ME).label("me"),
        of_account().label("stamp"),
    )


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
            head.c.stamp,
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
