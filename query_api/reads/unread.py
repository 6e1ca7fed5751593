"""Reads what an account has yet to read, by conversation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, Select, and_, literal_column, not_, select

from database.models import ConversationMember
from query_api.reads.answers import Unread
from query_api.reads.freshness import Freshness, Query
from query_api.reads.reader import Reader
from query_api.reads.stamps import Stamped, of_account
from query_api.reads.statements import ME, as_text, directory, message
from runtime.ids import AccountId

# visible, epoch, the stamp, then these.
_STAMP = 2
_SHOWN = slice(3, 7)


class UnreadCounts:
    """Reads how much is unread."""

    def __init__(self, reader: Reader) -> None:
        """Read by `reader`."""
        self._reader = reader

    def all(self, me: AccountId, freshness: Freshness) -> Stamped[Unread]:
        """Return the conversations in which messages to me are unread, the latest first."""
        rows = self._reader.read(_UNREAD, {"me": str(me)}, freshness)
        found = [row[_SHOWN] for row in rows if row[_SHOWN.start] is not None]
        unread: Unread = {
            "total": sum(count for _, _, count, _ in found),
            "conversations": [
                {"with": peer, "unread_count": count, "first_unread_position": first}
                for _, peer, count, first in found
            ],
        }
        return Stamped(value=unread, stamp=rows[0][_STAMP])


def _select(head: CTE) -> Select[Any]:
    member = ConversationMember.__table__.alias("c")
    peer = directory.alias("p")
    first = (
        select(message.c.position)
        .where(
            message.c.conversation_id == member.c.conversation_id,
            message.c.sender_id == member.c.peer_id,
            message.c.position > member.c.read_position,
            message.c.deleted_at.is_(None),
            not_(message.c.hidden_for_recipient),
        )
        .order_by(message.c.position)
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    unread = and_(
        head.c.visible, member.c.account_id == ME, member.c.unread_count > literal_column("0")
    )
    return (
        select(
            head.c.visible,
            head.c.epoch,
            head.c.stamp,
            as_text(member.c.conversation_id, "conversation_id"),
            peer.c.username,
            member.c.unread_count,
            first.label("first_unread_position"),
        )
        .select_from(head.outerjoin(member, unread).outerjoin(peer, peer.c.id == member.c.peer_id))
        .order_by(member.c.last_activity_at.desc(), member.c.conversation_id.desc())
    )


_UNREAD = Query(_select, of_account().label("stamp"))
