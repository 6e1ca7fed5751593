"""Stamps: what stands for all that a list may show, found by one look into an index.

A stamp changes whenever the list may look different, so an entity tag made from it is answered
304 without reading the list. It holds what the projections counted for the account, of all
partitions or of one conversation's, how often usernames have changed, and which read model it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import CTE, ColumnElement, Integer, Select, Text, bindparam, cast, func, select
from sqlalchemy import literal_column as literal

from database.models import AccountRevision, DirectoryRevision, QueueEpoch
from query_api.reads.freshness import Freshness, Query
from query_api.reads.peers import Peers, conversation_with
from query_api.reads.reader import Reader
from query_api.reads.replica import Rows
from query_api.reads.statements import ME, USERNAME, account_named, as_text
from runtime.ids import AccountId, partition_of

Value = TypeVar("Value")

_revision = AccountRevision.__table__.alias("r")
_ZERO: ColumnElement[int] = literal("0")
_ONE: ColumnElement[int] = literal("1")
_DOT: ColumnElement[str] = literal("'.'", Text)
# A read model made anew has tables made anew: what was counted in the old ones means nothing then.
_READ_MODEL: ColumnElement[str] = literal(
    f"CAST(CAST(CAST('{AccountRevision.__table__}' AS regclass) AS oid) AS text)", Text
)
# The low bits of this number are the conversation's partition, however many partitions there are.
_HASH = bindparam("hash", type_=Integer)
_MOST_PARTITIONS = 2**16


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamped(Generic[Value]):
    """What was read, and the stamp of the same snapshot."""

    value: Value
    stamp: str


def of_account() -> ColumnElement[str]:
    """Return the stamp of all that I am shown, as a column."""
    return _stamp()


def of_conversation() -> ColumnElement[str]:
    """Return the stamp of what I am shown of one conversation, as a column; see `hash_with`."""
    queue = QueueEpoch.__table__.alias("q")
    partition = (
        select(_HASH.bitwise_and(queue.c.partitions - _ONE))
        .where(queue.c.id == _ONE)
        .scalar_subquery()
    )
    return _stamp(_revision.c.partition == partition)


@lru_cache(maxsize=10_000)
def hash_with(me: AccountId, peer: str) -> int:
    """Return the parameter `hash` of `of_conversation` for my conversation with `peer`."""
    return partition_of(conversation_with(me, peer), _MOST_PARTITIONS)


class Stamps:
    """Reads stamps alone, as freshly as the lists that they stand for."""

    def __init__(self, reader: Reader, peers: Peers) -> None:
        """Read by `reader`; guess accounts by `peers`."""
        self._reader = reader
        self._peers = peers

    def of_account(self, me: AccountId, freshness: Freshness) -> str:
        """Return the stamp of all that I am shown."""
        stamp: str = self._reader.read(ACCOUNT, {"me": str(me)}, freshness)[0][2]
        return stamp

    def of_conversation(self, me: AccountId, username: str, freshness: Freshness) -> str:
        """Return the stamp of what I am shown of my conversation with a user.

        Raises:
            NothingFoundError: Nobody has this username.
        """

        def ask(name: str, peer: str) -> Rows:
            parameters = {"me": str(me), "username": name, "hash": hash_with(me, peer)}
            return self._reader.read(CONVERSATION, parameters, freshness)

        rows, _ = self._peers.rows(username, ask)
        stamp: str = rows[0][3]
        return stamp


def _stamp(*which: ColumnElement[bool]) -> ColumnElement[str]:
    names = DirectoryRevision.__table__.alias("n")
    counted = (
        select(func.coalesce(func.sum(_revision.c.revision), _ZERO))
        .where(_revision.c.account_id == ME, *which)
        .scalar_subquery()
    )
    named = select(names.c.revision).where(names.c.id == _ONE).scalar_subquery()
    return _READ_MODEL + _DOT + cast(counted, Text) + _DOT + cast(named, Text)


def _alone(head: CTE) -> Select[Any]:
    return select(*head.c)


ACCOUNT = Query(_alone, of_account().label("stamp"))
CONVERSATION = Query(
    _alone, as_text(account_named(USERNAME), "peer"), of_conversation().label("stamp")
)
