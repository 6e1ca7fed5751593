"""Reads what an account is told by its event stream: the log behind a place, as it may see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from events.contracts.envelope import kind_of
from events.contracts.offsets import Offset
from query_api.reads import answers
from query_api.reads import stream_marks as marks
from query_api.reads import stream_parts as parts
from query_api.reads import stream_queries as queries
from query_api.reads.answers import Message, Names
from query_api.reads.progress import Progress, Reached
from query_api.reads.reader import Selects
from query_api.reads.replica import Row, Rows
from query_api.reads.stream_recent import RECENT

_MOST = 100
# So many conversations are quicker looked at one by one.
_FEW_CONVERSATIONS = 200
# And so many events of anybody are not.
_FEW_EVENTS = 5_000

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
class Looked:
    """Up to where a look found everything that there was for an account.

    Attributes:
        places: Of every partition, how far it was applied, as `Reached.sortable` writes it.
        number: How many events that were.
        conversations: How many the account had.
    """

    places: Mapping[int, str]
    number: int
    conversations: int

    def forth(self, other: Looked | None) -> Looked:
        """Return the further of two for each partition: another node may be behind."""
        if other is None:
            return self
        places = {p: max(place, other.places.get(p, "")) for p, place in self.places.items()}
        return replace(self, places=places, number=max(self.number, other.number))


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """Changes in order, of one snapshot.

    Attributes:
        changes: What is new; within a conversation in the order in which it was applied.
        revision: How many changes the account could see in that snapshot.
        looked: Up to where that is all; None where there may be more behind them.
    """

    changes: list[Change]
    revision: int
    looked: Looked | None


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

    def after(
        self, me: str, progress: Progress, looked: Looked | None = None, *, most: int = _MOST
    ) -> News:
        """Return what is new for an account, at most so many changes.

        Args:
            me: The account.
            progress: What it was told.
            looked: Up to where it was told everything, if that is known.
            most: How many changes at most.

        Raises:
            ReplicaUnavailableError: The database cannot answer.
        """
        if looked is not None and looked.conversations > _FEW_CONVERSATIONS:
            news = self._recent(me, looked, most)
            if news is not None:
                return news
        reached = {partition: place.sortable() for partition, place in progress.items()}
        rows = self._replica.select(queries.AFTER, _parameters(me, reached, most))
        return _news(rows, looked, most, conversations=rows[0][parts.MARKS][-1])

    def _recent(self, me: str, looked: Looked, most: int) -> News | None:
        """Return the news by way of the events of all, unless those are too many or too strange."""
        few = min(looked.conversations, _FEW_EVENTS)
        parameters = _parameters(me, looked.places, most) | {"number": looked.number, "few": few}
        rows = self._replica.select(RECENT, parameters)
        partitions, _, number, erasures = rows[0][parts.MARKS]
        if erasures or number - looked.number > few or set(partitions) != set(looked.places):
            return None
        return _news(rows, looked, most, conversations=looked.conversations)

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


def _parameters(me: str, reached: Mapping[int, str], most: int) -> dict[str, object]:
    places = {"partitions": list(reached), "reached": list(reached.values())}
    return {"me": me, "limit": most, **places}


def _news(rows: Rows, before: Looked | None, most: int, *, conversations: int) -> News:
    changes = [_change(row) for row in rows if row[parts.SHOWN.start] is not None]
    partitions, offsets, number, _ = rows[0][parts.MARKS]
    places = {
        partition: Reached.at(offset).sortable()
        for partition, offset in zip(partitions or (), offsets or (), strict=True)
    }
    looked = Looked(places=places, number=int(number or 0), conversations=conversations)
    return News(
        changes=changes,
        revision=int(rows[0][1]),
        looked=looked.forth(before) if len(changes) < most else None,
    )


def _change(row: Row) -> Change:
    partition, offset, within, type_, by_me, read_position, peer, conversation = row[parts.SHOWN]
    names = Names(me=row[0], peer=peer)
    hidden, *columns = row[parts.MESSAGE]
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
