"""Reads what an account is told by its event stream: the log behind a place, as it may see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from events.contracts.envelope import kind_of
from events.contracts.offsets import Offset
from query_api.reads import answers
from query_api.reads import stream_marks as marks
from query_api.reads import stream_queries as queries
from query_api.reads.answers import Message, Names
from query_api.reads.progress import Progress, Reached
from query_api.reads.reader import Selects
from query_api.reads.replica import Row

_MOST = 100

ConversationRead = TypedDict(
    "ConversationRead",
    {
        "conversation_id": str,
        "with": str | None,
        "reader": str | None,
        "read_position": int,
    },
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that an account is told.

    Attributes:
        kind: Such as `message.sent`.
        data: The message as the account may see it at present, or up to where somebody read.
        partition: Where it was applied.
        reached: All before this place, this included, has been told.
    """

    kind: str
    data: Message | ConversationRead
    partition: int
    reached: Reached


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """Changes in order, of one snapshot.

    Attributes:
        changes: What is new; within a conversation in the order in which it was applied.
        revision: How many changes the account could see in that snapshot.
        more: Whether there may be more behind them.
    """

    changes: list[Change]
    revision: int
    more: bool


class StreamReads:
    """Reads the log for those who listen; each answer is of one snapshot of one node.

    A node that is behind shows nothing that a later look does not show: nothing is lost by asking
    it.
    """

    def __init__(self, replica: Selects) -> None:
        """Ask `replica`."""
        self._replica = replica

    def now(self, me: str) -> dict[int, Reached]:
        """Return the progress of an account that has seen all that there is.

        Raises:
            ReplicaUnavailableError: The database cannot answer.
        """
        rows = self._replica.select(marks.NOW, {"me": me})
        return {partition: Reached.at(offset) for partition, offset in rows}

    def after(self, me: str, progress: Progress, *, most: int = _MOST) -> News:
        """Return what is new for an account, at most so many changes.

        Raises:
            ReplicaUnavailableError: The database cannot answer.
        """
        parameters = {
            "me": me,
            "partitions": list(progress),
            "reached": [reached.sortable() for reached in progress.values()],
            "limit": most,
        }
        rows = self._replica.select(queries.AFTER, parameters)
        changes = [_change(row) for row in rows if row[queries.SHOWN.start] is not None]
        return News(changes=changes, revision=int(rows[0][1]), more=len(changes) >= most)

    def revisions(self, accounts: Collection[str]) -> Mapping[str, int]:
        """Return of each of some accounts how many changes it could see; none: left out.

        Raises:
            ReplicaUnavailableError: The database cannot answer.
        """
        rows = self._replica.select(marks.REVISIONS, {"accounts": list(accounts)})
        return {account: int(revision) for account, revision in rows}

    def checkpoints(self, partitions: Collection[int]) -> Mapping[int, Offset]:
        """Return up to where some partitions are applied, as far as a replica knows.

        Raises:
            ReplicaUnavailableError: The database cannot answer.
        """
        rows = self._replica.select(marks.CHECKPOINTS, {"partitions": list(partitions)})
        return {partition: Offset.parse(offset) for partition, offset in rows}


def _change(row: Row) -> Change:
    partition, offset, within, type_, by_me, read_position, peer, conversation = row[queries.SHOWN]
    names = Names(me=row[0], peer=peer)
    hidden, *columns = row[queries.MESSAGE :]
    kind = kind_of(type_)
    data: Any
    if columns[0] is None:
        data = {
            "conversation_id": conversation,
            "with": peer,
            "reader": names.me if by_me else peer,
            "read_position": read_position,
        }
    else:
        data = answers.message(tuple(columns), conversation, names)
        if hidden:
            data |= {"subject": None, "body": None}
    return Change(kind=kind, data=data, partition=partition, reached=Reached.at(offset, within))
