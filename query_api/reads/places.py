"""Places in a list that is sorted by a time and an id, and the pages that lie beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import ColumnElement, DateTime, Select, bindparam, tuple_

from query_api.reads.replica import Row
from query_api.reads.statements import LIMIT, uuid_parameter

Direction = Literal["older", "newer"]
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class PageEdge:
    """A place between two entries: `older` or `newer` than the one named.

    Attributes:
        direction: On which side of the entry the page lies.
        moment: The time by which the entry is sorted, in RFC 3339.
        id: The entry's id, which decides between equal times.
    """

    direction: Direction
    moment: str
    id: str

    def parameters(self) -> dict[str, object]:
        """Return what a statement of `sorted_page` compares with."""
        return {"moment": self.moment, "id": self.id}


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[Item]):
    """Entries, the newest first, and the places where the pages beside them start."""

    items: list[Item]
    older: PageEdge | None = None
    newer: PageEdge | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """Rows of one page, and the places beside it."""

    rows: Sequence[Row]
    older: PageEdge | None
    newer: PageEdge | None


def sorted_page(
    entries: Select[Any],
    direction: Direction | None,
    *,
    moment: ColumnElement[Any],
    id: ColumnElement[Any],  # noqa: A002  # what it is
) -> Select[Any]:
    """Return the newest of `entries`, or those next to a place in a direction."""
    place = tuple_(moment, id)
    named = tuple_(bindparam("moment", type_=DateTime(timezone=True)), uuid_parameter("id"))
    if direction == "newer":
        return entries.where(place > named).order_by(moment, id).limit(LIMIT)
    if direction == "older":
        entries = entries.where(place < named)
    return entries.order_by(moment.desc(), id.desc()).limit(LIMIT)


def cut(
    rows: Sequence[Row],
    place: PageEdge | None,
    *,
    limit: int,
    moment: int,
    id: int,  # noqa: A002
) -> Cut:
    """Cut the one row too many, which only tells that there are more.

    Args:
        rows: The newest first, one more than asked for where there are more.
        place: Where the page was asked to start.
        limit: How many were asked for.
        moment: The column that the rows are sorted by.
        id: The column of the entry's id.
    """
    more = len(rows) > limit
    backwards = place is not None and place.direction == "newer"
    kept = rows[-limit:] if backwards else rows[:limit]
    older = newer = None
    if kept and (more or backwards):
        older = PageEdge(direction="older", moment=kept[-1][moment], id=kept[-1][id])
    if kept and place is not None and (more or not backwards):
        newer = PageEdge(direction="newer", moment=kept[0][moment], id=kept[0][id])
    return Cut(rows=kept, older=older, newer=newer)
