"""Spare read models, beside the live one: the next, which a rebuild makes, and the old one.

Nothing reads them, but they hold text: what is deleted must not stay there either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any
from uuid import UUID

from psycopg2.errors import LockNotAvailable, UndefinedTable
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from events.contracts.accounts import AccountDeleted
from workers.projections import erasures
from workers.projections.statements import LIVE, statement

NEXT = "read_model_next"
OLD = "read_model_old"

_EXISTING = text(
    "SELECT nspname FROM pg_namespace WHERE nspname = ANY(CAST(:names AS text[])) ORDER BY nspname"
)
_LOCK = "LOCK TABLE {schema}.message IN ROW EXCLUSIVE MODE"
_LOCK_AT_ONCE = f"{_LOCK} NOWAIT"
_REDACT = """
    UPDATE {schema}.message SET subject = NULL, body = NULL
    WHERE id = ANY(CAST(:ids AS uuid[]))
"""
_REDACT_ACTOR = """
    UPDATE {schema}.message SET subject = NULL, body = NULL
    WHERE conversation_id = ANY(CAST(:conversations AS uuid[])) AND sender_id = :account
        AND (subject IS NOT NULL OR body IS NOT NULL)
"""
# What makes a read model fit for the code at hand: its columns, and in a finished one its indexes.
_COLUMNS = text(
    """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind = 'r'
    """
)
_INDEXES = text(
    """
    SELECT c.relname, replace(pg_get_indexdef(c.oid), :schema || '.', '')
    FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind = 'i'
    """
)


def existing(connection: Connection) -> set[str]:
    """Return the names of the spare read models that there are."""
    return set(connection.execute(_EXISTING, {"names": [NEXT, OLD]}).scalars())


def has_form_of_live(connection: Connection, schema: str, *, indexes: bool) -> bool:
    """Whether a spare read model has the columns of the live one, and its indexes too."""
    return all(
        set(map(tuple, connection.execute(query, {"schema": schema})))
        == set(map(tuple, connection.execute(query, {"schema": LIVE})))
        for query in ((_COLUMNS, _INDEXES) if indexes else (_COLUMNS,))
    )


def redact(transaction: Connection, messages: Collection[UUID]) -> None:
    """Take the text of `messages` out of the spare read models, so far as it is there."""
    if messages:
        ids = {"ids": list(messages)}
        _in_each(transaction, lambda schema: _update(transaction, schema, _REDACT, ids))


def redact_actors(transaction: Connection, deletions: Iterable[AccountDeleted]) -> None:
    """Take the text of deleted accounts out of the spare read models; see `redact`."""
    for event in deletions:

        def redact_one(schema: str, event: AccountDeleted = event) -> None:
            theirs = erasures.conversations_of(transaction, schema, event)
            values = {"conversations": theirs, "account": event.account_id}
            _update(transaction, schema, _REDACT_ACTOR, values)

        _in_each(transaction, redact_one)


def _update(transaction: Connection, schema: str, sql: str, values: dict[str, Any]) -> None:
    transaction.execute(statement(sql, schema), values)


def _in_each(transaction: Connection, act: Callable[[str], None]) -> None:
    for schema in sorted(existing(transaction)):
        # While the next one's indexes are made, live projection must not wait: the rebuild has yet
        # to fold what is applied now. Nobody folds the old one again.
        lock, harmless = {
            NEXT: (_LOCK_AT_ONCE, (LockNotAvailable, UndefinedTable)),
            OLD: (_LOCK, (UndefinedTable,)),
        }[schema]
        try:
            with transaction.begin_nested():
                transaction.execute(statement(lock, schema))
                act(schema)
        except DBAPIError as error:
            # UndefinedTable: it has just been dropped.
            if not isinstance(error.orig, harmless):
                raise
