"""Freshness: what an answer must show already, and how that is tested in its own statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    column,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from database.models import Checkpoint, QueueEpoch
from query_api.reads.statements import Statement
from runtime.ids import AccountId
from web.consistency import ConsistencyToken, ConsistencyTokenInvalidError

_ONE: ColumnElement[int] = literal_column("1")
_TRUE: ColumnElement[bool] = literal_column("true")
_NO_EPOCH: ColumnElement[int] = literal_column("NULL::integer")


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """What an answer must show, how many seconds to wait until a replica has it, and for whom."""

    tokens: tuple[ConsistencyToken, ...] = ()
    seconds: float = 0.0
    account: AccountId | None = None

    def parameters(self) -> dict[str, object]:
        """Return what the test in the statement compares with."""
        return {
            "partitions": [token.partition for token in self.tokens],
            "offsets": [token.offset.sortable() for token in self.tokens],
            "epoch": max(token.epoch for token in self.tokens),
        }

    def is_past(self, epoch: int | None) -> bool:
        """Return whether a token is of an event queue that was lost before the present one.

        Args:
            epoch: The event queue's life as the node knows it, which may be behind a token's.
        """
        return epoch is not None and any(token.epoch < epoch for token in self.tokens)

    def check_epoch(self, epoch: int | None) -> None:
        """Refuse tokens that are past.

        Raises:
            ConsistencyTokenInvalidError: One is.
        """
        if self.is_past(epoch):
            raise ConsistencyTokenInvalidError


class Query:
    """One question as two statements: answered at once, or tested against tokens as well.

    The first two columns of either are whether the node has all that the tokens stand for, and
    its epoch. There is always a row: where nothing is visible or found, the rest of it is null.
    """

    __slots__ = ("at_once", "tested")

    def __init__(self, build: Callable[[CTE], Select[Any]], *once: ColumnElement[Any]) -> None:
        """Compile what `build` makes upon a table of one row.

        Args:
            build: Takes that table, of the columns `visible`, `epoch` and `once`.
            once: Labelled columns that a statement must compute once, not for each row.
        """
        self.at_once = Statement(build(_head(_TRUE, _NO_EPOCH, once)))
        self.tested = Statement(build(_head(_visible(), _epoch(), once)))


def _head(
    visible: ColumnElement[Any], epoch: ColumnElement[Any], once: Sequence[ColumnElement[Any]]
) -> CTE:
    columns = (visible.label("visible"), epoch.label("epoch"), *once)
    return select(*columns).cte("head").prefix_with("MATERIALIZED")


def _epoch() -> ColumnElement[Any]:
    node = QueueEpoch.__table__
    return select(node.c.epoch).where(node.c.id == _ONE).scalar_subquery()


def _visible() -> ColumnElement[Any]:
    checkpoint = Checkpoint.__table__.alias("c")
    token = (
        func.unnest(
            bindparam("partitions", type_=ARRAY(Integer)), bindparam("offsets", type_=ARRAY(Text))
        )
        .table_valued(column("partition", Integer), column("offset", Text))
        .render_derived(name="token")
    )
    unapplied = exists(
        select(_ONE)
        .select_from(token.outerjoin(checkpoint, checkpoint.c.partition == token.c.partition))
        .where(or_(checkpoint.c.offset.is_(None), checkpoint.c.offset < token.c.offset))
    )
    same_epoch = func.coalesce(_epoch() == bindparam("epoch", type_=BigInteger), false())
    return and_(same_epoch, not_(unapplied))
