"""Searches my messages by their words, the newest first."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    Text,
    bindparam,
    case,
    literal_column,
    or_,
    select,
)

from database.models.search import every_word, finder_of, found_by
from query_api.reads import answers
from query_api.reads.answers import Message, Names
from query_api.reads.freshness import Freshness, Query
from query_api.reads.peers import Peers, conversation_with
from query_api.reads.places import Direction, Page, PageEdge, cut, sorted_page
from query_api.reads.reader import Reader
from query_api.reads.replica import Row, Rows
from query_api.reads.stamps import Stamped, hash_with, of_account, of_conversation
from query_api.reads.statements import (
    CONVERSATION,
    ME,
    USERNAME,
    account_named,
    as_text,
    directory,
    message,
    message_columns,
    seen_by_me,
    username_of,
)
from runtime.ids import AccountId

_NOBODY: ColumnElement[Any] = literal_column("CAST(NULL AS uuid)")
# visible, epoch, the account of the user named or null, my username, the stamp; then of each
# message its conversation, the other's username and its own columns.
_ME, _STAMP, _CONVERSATION, _PEER = 3, 4, 5, 6
_MESSAGE = 7
_ID, _SENT_AT = _MESSAGE, _MESSAGE + 5


class Search:
    """Searches as one of the two of each conversation."""

    def __init__(self, reader: Reader, peers: Peers) -> None:
        """Read by `reader`; guess accounts by `peers`."""
        self._reader = reader
        self._peers = peers

    def page(
        self,
        me: AccountId,
        words: str,
        *,
        username: str | None,
        limit: int,
        place: PageEdge | None,
        freshness: Freshness,
    ) -> Stamped[Page[Message]]:
        """Return the newest messages that hold every word, or those next to a place.

        Args:
            me: Who may see them.
            words: What to look for; a text without words finds nothing.
            username: With whom; None for all conversations.
            limit: So many at most.
            place: Where the page starts.
            freshness: What must be visible, and how long to wait.

        Raises:
            NothingFoundError: Nobody has this username.
        """
        query = _PAGES[username is not None, place.direction if place else None]
        parameters: dict[str, object] = {
            "me": str(me),
            "finder": finder_of(me),
            "words": words,
            "limit": limit + 1,
            **(place.parameters() if place else {}),
        }

        def ask(name: str, peer: str) -> Rows:
            whose = {
                "username": name,
                "conversation": str(conversation_with(me, peer)),
                "hash": hash_with(me, peer),
            }
            return self._reader.read(query, {**parameters, **whose}, freshness)

        if username is None:
            rows = self._reader.read(query, parameters, freshness)
        else:
            rows, _ = self._peers.rows(username, ask)
        found = cut([row for row in rows if row[_ID]], place, limit=limit, moment=_SENT_AT, id=_ID)
        page = Page(items=[_item(row) for row in found.rows], older=found.older, newer=found.newer)
        return Stamped(value=page, stamp=rows[0][_STAMP])


def _item(row: Row) -> Message:
    names = Names(me=row[_ME], peer=row[_PEER])
    return answers.message(row[_MESSAGE:], row[_CONVERSATION], names)


def _page(direction: Direction | None, *, with_one: bool) -> Query:
    found = select(*(column for column in message.c if column is not message.c.search)).where(
        # Two conditions, not one joined by `&&`: no words must find nothing, not everything.
        message.c.search.bool_op("@@")(found_by(bindparam("finder", type_=Text))),
        message.c.search.bool_op("@@")(every_word(bindparam("words", type_=Text))),
        or_(message.c.sender_id == ME, message.c.recipient_id == ME),
        seen_by_me(message),
        *([message.c.conversation_id == CONVERSATION] * with_one),
    )
    page = sorted_page(found, direction, moment=message.c.sent_at, id=message.c.id)
    named = account_named(USERNAME) if with_one else _NOBODY
    stamp = of_conversation() if with_one else of_account()
    return Query(
        partial(_with_names, page),
        as_text(named, "named"),
        username_of(ME).label("me"),
        stamp.label("stamp"),
    )


def _with_names(page: Select[Any], head: CTE) -> Select[Any]:
    found, peer = page.subquery("f"), directory.alias("p")
    other = case((found.c.sender_id == ME, found.c.recipient_id), else_=found.c.sender_id)
    return (
        select(
            head.c.visible,
            head.c.epoch,
            head.c.named,
            head.c.me,
            head.c.stamp,
            as_text(found.c.conversation_id, "conversation_id"),
            peer.c.username,
            *message_columns(found),
        )
        .select_from(head.outerjoin(found, head.c.visible).outerjoin(peer, peer.c.id == other))
        .order_by(found.c.sent_at.desc(), found.c.id.desc())
    )


_DIRECTIONS: tuple[Direction | None, ...] = (None, "older", "newer")
_PAGES: dict[tuple[bool, Direction | None], Query] = {
    (with_one, direction): _page(direction, with_one=with_one)
    for with_one in (False, True)
    for direction in _DIRECTIONS
}
