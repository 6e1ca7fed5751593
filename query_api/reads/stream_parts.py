"""What the SELECTs of `stream` have in common: what they show, in which order, and what beside."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Label,
    Select,
    Subquery,
    TableValuedAlias,
    Text,
    bindparam,
    case,
    column,
    func,
    literal_column,
    select,
    true,
)

from database.models import Checkpoint
from query_api.reads.statements import ME, as_text, directory, message_columns, username_of
from query_api.reads.stream_marks import revision_of

# My username and revision, then these, then whether I hid the message, and its columns, then marks.
SHOWN = slice(2, 10)
MESSAGE = slice(10, 20)
MARKS = slice(20, 24)

ZERO: ColumnElement[int] = literal_column("0")
FALSE: ColumnElement[bool] = literal_column("false")
APPLIED: ColumnElement[str] = literal_column("'applied'", Text)
# Of an event whose alias is `e`.
IS_ERASURE: ColumnElement[bool] = literal_column("e.type LIKE 'account.deleted.v%'")
FOR_ME: ColumnElement[bool] = literal_column("coalesce(e.data ->> 'for' = 'me', false)")
# What all ways of finding events select before the message's columns, and how all is sorted: of
# each partition a page so holds the first, and of a conversation too.
HAPPENED = ("offset", "within", "type", "by_me", "read_position")
ORDER: tuple[ColumnElement[Any], ...] = tuple(
    literal_column(f'"{name}"') for name in ("offset", "partition", "within")
)

# As they are: to write them as the API does is for the few that make up a page.
_COLUMNS = (
    *("id", "position", "sender_id", "subject", "body"),
    *("sent_at", "edited_at", "deleted_at", "read_at"),
)


def known_places() -> TableValuedAlias:
    """Return the places of the parameters `partitions` and `reached`, a row each."""
    return (
        func.unnest(
            bindparam("partitions", type_=ARRAY(Integer)), bindparam("reached", type_=ARRAY(Text))
        )
        .table_valued(column("partition", Integer), column("reached", Text))
        .render_derived(name="known")
    )


def columns(message: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of a message."""
    return [message.c[name] for name in _COLUMNS]


def hidden(message: FromClause) -> ColumnElement[bool]:
    """Return whether I deleted the message for myself."""
    return case(
        (message.c.sender_id == ME, message.c.hidden_for_sender),
        else_=message.c.hidden_for_recipient,
    )


def told(
    event: FromClause, message: FromClause, *, for_me: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Return whether I am told of what was done in a conversation of mine.

    Of a message that I deleted for myself I am told that I did, and nothing else.
    """
    return case(
        (event.c.message_id.is_(None), event.c.position > ZERO),
        (for_me, event.c.actor_id == ME),
        else_=~hidden(message),
    )


def happened(event: FromClause, message: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of an event, and those of its message."""
    return [
        event.c.offset,
        ZERO.label("within"),
        event.c.type,
        (event.c.actor_id == ME).label("by_me"),
        event.c.position.label("read_position"),
        func.coalesce(hidden(message), FALSE).label("hidden"),
        *columns(message),
    ]


def head() -> CTE:
    """Return one row: who I am, and how far everything is in the snapshot."""
    checkpoint = Checkpoint.__table__.alias("k")
    return (
        select(
            username_of(ME).label("me"),
            revision_of(ME).label("revision"),
            func.array_agg(checkpoint.c.partition).label("at"),
            func.array_agg(checkpoint.c.offset).label("offsets"),
            func.sum(checkpoint.c.number).label("number"),
        )
        .cte("head")
        .prefix_with("MATERIALIZED")
    )


def page_of(start: CTE, page: Subquery, mark: Label[Any]) -> Select[Any]:
    """Return a page, with its head in each row, and a row where there is nothing new."""
    peer = directory.alias("p")
    return (
        select(
            start.c.me,
            start.c.revision,
            page.c.partition,
            *(page.c[name] for name in HAPPENED),
            peer.c.username,
            as_text(page.c.conversation_id, "conversation"),
            page.c.hidden,
            *message_columns(page),
            *(start.c[name] for name in ("at", "offsets", "number")),
            mark,
        )
        # The names of those alone who are on the page.
        .select_from(start.outerjoin(page, true()).outerjoin(peer, peer.c.id == page.c.peer_id))
        .order_by(*(page.c[name] for name in ("offset", "partition", "within")))
    )
