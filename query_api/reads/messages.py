"""Reads messages: the pages of a conversation, its last one, the unread ones, one by its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from query_api.reads import message_queries as queries
from query_api.reads.answers import Message, MessagePage, Names, message
from query_api.reads.errors import NothingFoundError
from query_api.reads.freshness import Freshness, Query
from query_api.reads.message_queries import HEADER, ONE_HEADER
from query_api.reads.peers import Peers, conversation_with
from query_api.reads.reader import Reader
from query_api.reads.replica import Rows
from query_api.reads.stamps import Stamped, hash_with
from runtime.ids import AccountId, MessageId, Position


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which messages of a conversation are asked for; both bounds are exclusive.

    Attributes:
        limit: So many at most.
        before: Those below this position, the newest of them first to be taken.
        after: Those above this position, the oldest of them first to be taken.
        tombstones: Whether those deleted for everyone are shown, without their text.
    """

    limit: int
    before: int | None = None
    after: int | None = None
    tombstones: bool = False


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The rows of one conversation, and whose it is."""

    rows: Rows
    conversation_id: str
    names: Names

    def messages(self) -> list[Message]:
        """Return the messages; a lone row without one says only that there are none."""
        if self.rows[0][HEADER] is None:
            return []
        return [message(row[HEADER:], self.conversation_id, self.names) for row in self.rows]

    @property
    def stamp(self) -> str:
        """Return what stands for all of the conversation."""
        stamp: str = self.rows[0][HEADER - 1]
        return stamp


class Messages:
    """Reads messages as one of the two of their conversation."""

    def __init__(self, reader: Reader, peers: Peers) -> None:
        """Read by `reader`; guess accounts by `peers`."""
        self._reader = reader
        self._peers = peers

    def page(
        self, me: AccountId, username: str, window: Window, freshness: Freshness
    ) -> Stamped[MessagePage]:
        """Return a page of my conversation with a user.

        Raises:
            NothingFoundError: Nobody has this username.
        """
        query = queries.PAGES[
            window.after is not None, window.before is not None, window.tombstones
        ]
        parameters = {"limit": window.limit + 1, "after": window.after, "before": window.before}
        found = self._find(query, me, username, parameters, freshness)
        page = _page(found.messages(), window, beyond=found.rows[0][HEADER - 2])
        return Stamped(value=page, stamp=found.stamp)

    def last(
        self, me: AccountId, username: str, freshness: Freshness, *, from_either: bool
    ) -> Stamped[Message]:
        """Return the last message from a user to me, or from either of us.

        Raises:
            NothingFoundError: There is none, or nobody has this username.
        """
        query = queries.LAST_FROM_EITHER if from_either else queries.LAST_FROM_PEER
        found = self._find(query, me, username, {}, freshness)
        messages = found.messages()
        if not messages:
            raise NothingFoundError
        return Stamped(value=messages[0], stamp=found.stamp)

    def unread(
        self, me: AccountId, username: str, window: Window, freshness: Freshness
    ) -> Stamped[MessagePage]:
        """Return the messages from a user that I have yet to read.

        Raises:
            NothingFoundError: Nobody has this username.
        """
        parameters = {"limit": window.limit + 1, "after": window.after or 0}
        found = self._find(queries.UNREAD, me, username, parameters, freshness)
        messages = found.messages()
        items = messages[: window.limit]
        newer = Position(items[-1]["position"]) if len(messages) > window.limit else None
        return Stamped(value=MessagePage(items=items, newer=newer), stamp=found.stamp)

    def one(
        self, me: AccountId, message_id: MessageId, freshness: Freshness, *, tombstones: bool
    ) -> Message:
        """Return one message.

        Raises:
            NothingFoundError: There is none, or I may not see it.
        """
        query = queries.ONE_OR_TOMBSTONE if tombstones else queries.ONE
        parameters = {"me": str(me), "message": str(message_id)}
        row = self._reader.read(query, parameters, freshness)[0]
        conversation_id, mine, peers = row[2:ONE_HEADER]
        if conversation_id is None:
            raise NothingFoundError
        return message(row[ONE_HEADER:], conversation_id, Names(me=mine, peer=peers))

    def _find(
        self,
        query: Query,
        me: AccountId,
        username: str,
        parameters: Mapping[str, object],
        freshness: Freshness,
    ) -> _Found:
        shared = {**parameters, "me": str(me)}

        def ask(name: str, peer: str) -> Rows:
            whose = {
                "username": name,
                "peer": peer,
                "conversation": str(conversation_with(me, peer)),
                "hash": hash_with(me, peer),
            }
            return self._reader.read(query, {**shared, **whose}, freshness)

        rows, name = self._peers.rows(username, ask)
        _, _, peer, mine = rows[0][:4]
        return _Found(
            rows=rows,
            conversation_id=str(conversation_with(me, peer)),
            names=Names(me=mine, peer=name),
        )


def _page(messages: list[Message], window: Window, *, beyond: bool) -> MessagePage:
    """Cut the one message too many, which only tells that there are more.

    Args:
        messages: In order, one more than asked for where there are more.
        window: What was asked for.
        beyond: Whether there are messages on the other side of the bound that the page starts at.
    """
    more = len(messages) > window.limit
    if window.after is not None:
        items = messages[: window.limit]
        first = items[0]["position"] if items else window.after + 1
        return MessagePage(
            items=items,
            newer=Position(items[-1]["position"]) if more else None,
            older=Position(first) if beyond else None,
        )
    items = messages[-window.limit :]
    newer = None
    if beyond and window.before is not None:
        newer = Position(items[-1]["position"] if items else window.before - 1)
    return MessagePage(
        items=items, newer=newer, older=Position(items[0]["position"]) if more else None
    )
