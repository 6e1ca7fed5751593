"""What the SELECTs of all reads are made of, written in SQLAlchemy Core and compiled once.

No statement holds a volatile function, a lock or a leading comment: PGPool would send it to the
primary. Ids and times leave Postgres as text, ready for JSON.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    not_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from database.models import Message

_DIALECT = PGDialect_psycopg2()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_UTC: ColumnElement[str] = literal_column("'UTC'")
_RFC3339: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")

# Short names: PGPool and Postgres parse the text of every read anew.
message = Message.__table__.alias("m")
# The view that a migration makes: who has which username at present.
directory = table(
    "directory", column("id", Uuid(as_uuid=False)), column("username", Text), schema="identity"
)


def uuid_parameter(name: str) -> BindParameter[str]:
    """Return a parameter for the text of a UUID."""
    return bindparam(name, type_=Uuid(as_uuid=False))


ME = uuid_parameter("me")
PEER = uuid_parameter("peer")
CONVERSATION = uuid_parameter("conversation")
LIMIT = bindparam("limit", type_=Integer)
USERNAME = bindparam("username", type_=Text)


class Statement:
    """A SELECT as the driver takes it: SQL with `%(name)s` where its parameters go."""

    __slots__ = ("sql",)

    def __init__(self, select: Select[Any]) -> None:
        """Compile `select`, which may hold named parameters and literal columns alone."""
        compiled = select.compile(dialect=_DIALECT)
        constants = [name for name, value in compiled.params.items() if value is not None]
        if constants:
            raise TypeError(f"write constants as literal columns, not as {constants}")
        self.sql = str(compiled)


def account_named(parameter: BindParameter[str]) -> ColumnElement[Any]:
    """Return the id of the account that has a username at present."""
    return select(directory.c.id).where(directory.c.username == parameter).scalar_subquery()


def username_of(account: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the username of an account, null once it is deleted."""
    named = directory.alias()
    return select(named.c.username).where(named.c.id == account).scalar_subquery()


def as_text(uuid: ColumnElement[Any], name: str) -> ColumnElement[str]:
    """Return a UUID column as text: the driver would make an object of it for each row."""
    return cast(uuid, Text).label(name)


def as_rfc3339(moment: ColumnElement[Any], name: str) -> ColumnElement[str]:
    """Return a time as the API writes it, in UTC with microseconds and `Z`."""
    return func.to_char(func.timezone(_UTC, moment), _RFC3339, type_=Text).label(name)


def seen_by_me(one: FromClause, *, tombstones: bool = False) -> ColumnElement[bool]:
    """Return whether I may see a message of a conversation of mine.

    Args:
        one: The table of messages, or an alias.
        tombstones: Whether one deleted for everyone counts.
    """
    hidden = case(
        (one.c.sender_id == ME, one.c.hidden_for_sender), else_=one.c.hidden_for_recipient
    )
    return not_(hidden) if tombstones else and_(one.c.deleted_at.is_(None), not_(hidden))


def message_columns(one: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns that `answers.message` takes, in its order."""
    return [
        as_text(one.c.id, "id"),
        one.c.position,
        (one.c.sender_id == ME).label("mine"),
        one.c.subject,
        one.c.body,
        as_rfc3339(one.c.sent_at, "sent_at"),
        as_rfc3339(one.c.edited_at, "edited_at"),
        as_rfc3339(one.c.deleted_at, "deleted_at"),
        as_rfc3339(one.c.read_at, "read_at"),
    ]
