"""A scratch read model: chosen conversations folded anew from the log, beside the stored rows.

Its tables are the session's own, so nobody else sees them and no right to write is needed. The
projections that fill it are those that fill the live one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from database.models import AccountRevision, Base, Conversation, ConversationMember, Message
from events import replay
from events.contracts.offsets import START
from runtime.ids import AccountId, ConversationId, Partition
from workers.projections import read_model
from workers.projections.statements import LIVE, statement

SCHEMA = "pg_temp"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the read model whose rows belong to conversations.

    Attributes:
        name: Its name.
        key: The columns that name a row.
        scope: The column of the conversation.
        columns: All columns but those that Postgres computes.
    """

    name: str
    key: tuple[str, ...]
    scope: str
    columns: tuple[str, ...]


def _table(model: type[Base], scope: str) -> Table:
    table = model.metadata.tables[f"read_model.{model.__tablename__}"]
    return Table(
        name=table.name,
        key=tuple(column.name for column in table.primary_key),
        scope=scope,
        columns=tuple(column.name for column in table.columns if column.computed is None),
    )


MESSAGES = _table(Message, "conversation_id")
MEMBERS = _table(ConversationMember, "conversation_id")
TABLES = (MESSAGES, _table(Conversation, "id"), MEMBERS)
REVISIONS = _table(AccountRevision, "account_id")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A row as the log has it and as it is stored; None on the side where it is not.

    Attributes:
        table: Its table.
        expected: The row as the log has it, by column.
        found: The row as it is stored.
    """

    table: str
    expected: dict[str, Any] | None
    found: dict[str, Any] | None


_MAKE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS {name}
        (LIKE read_model.{name} INCLUDING DEFAULTS INCLUDING INDEXES)
"""
_CLEAR = text("TRUNCATE pg_temp.message, pg_temp.conversation, pg_temp.conversation_member")
_CLEAR_REVISIONS = text("TRUNCATE pg_temp.account_revision")
_ACCOUNTS = text(
    """
    SELECT actor_id FROM event_log.event
    WHERE conversation_id = ANY(CAST(:conversations AS uuid[])) AND outcome = 'applied'
    UNION
    SELECT CAST(data ->> 'recipient_id' AS uuid) FROM event_log.event
    WHERE conversation_id = ANY(CAST(:conversations AS uuid[])) AND outcome = 'applied'
        AND data ? 'recipient_id'
    """
)
# What was erased with an account names no conversation, and changes all of that account's.
_THEIRS = """
    outcome = 'applied' AND (
        conversation_id = ANY(CAST(:conversations AS uuid[]))
        OR conversation_id IS NULL AND actor_id = ANY(CAST(:accounts AS uuid[]))
            AND type LIKE 'account.deleted.%'
    )
"""
_DIFFER = """
    SELECT to_jsonb(e) AS expected, to_jsonb(f) AS found
    FROM (SELECT {columns} FROM pg_temp.{name}) AS e
    FULL JOIN (
        SELECT {columns} FROM {{schema}}.{name} WHERE {scope} = ANY(CAST(:ids AS uuid[]))
    ) AS f ON {same_key}
    WHERE e IS DISTINCT FROM f
"""
# A revision may be higher than the log says: repairs raise it too. It must not be lower.
_LOW_REVISIONS = """
    SELECT to_jsonb(e) AS expected, to_jsonb(f) AS found
    FROM pg_temp.account_revision AS e
    LEFT JOIN {schema}.account_revision AS f USING (account_id, partition)
    WHERE e.partition = :partition AND (f.revision IS NULL OR f.revision < e.revision)
    ORDER BY e.account_id
"""


def _differ(table: Table) -> str:
    return _DIFFER.format(
        name=table.name,
        scope=table.scope,
        columns=", ".join(table.columns),
        same_key=" AND ".join(f"e.{column} = f.{column}" for column in table.key),
    )


_DIFFERENCES = {table.name: _differ(table) for table in TABLES}


class Scratch:
    """The scratch read model of one session, which must stay the same."""

    def __init__(self, connection: Connection, *, schema: str = LIVE, portion: int = 1_000) -> None:
        """Make its tables, empty, as part of the transaction.

        Args:
            connection: Whose role may make temporary tables and read log and read model.
            schema: The stored read model to compare with.
            portion: Events at most that are folded at once.
        """
        self._connection = connection
        self._schema = schema
        self._portion = portion
        for table in (*TABLES, REVISIONS):
            connection.execute(text(_MAKE.format(name=table.name)))
        self.forget()

    def forget(self) -> None:
        """Empty all tables."""
        self._connection.execute(_CLEAR)
        self._connection.execute(_CLEAR_REVISIONS)

    def fold(self, partition: Partition, conversations: Sequence[ConversationId]) -> int:
        """Fold these conversations of a partition in place of those before; return the events.

        Revisions are added to those that were counted since `forget`.
        """
        self._connection.execute(_CLEAR)
        chosen: dict[str, list[UUID]] = {"conversations": list(conversations)}
        chosen["accounts"] = list(self._connection.execute(_ACCOUNTS, chosen).scalars())
        after, folded = START, 0
        while events := replay.read_where(
            self._connection, partition, _THEIRS, chosen, after=after, limit=self._portion
        ):
            read_model.apply(self._connection, partition, events, schema=SCHEMA)
            after, folded = events[-1].offset, folded + len(events)
        return folded

    def differences(self, conversations: Sequence[ConversationId]) -> Iterator[Pair]:
        """Yield the rows of these conversations that are not stored as folded."""
        for table in TABLES:
            compare = statement(_DIFFERENCES[table.name], self._schema)
            for row in self._connection.execute(compare, {"ids": list(conversations)}).all():
                yield Pair(table=table.name, expected=row.expected, found=row.found)

    def low_revisions(self, partition: Partition) -> list[Pair]:
        """Return the revisions that are missing or below what was counted since `forget`."""
        rows = self._connection.execute(
            statement(_LOW_REVISIONS, self._schema), {"partition": partition}
        )
        return [Pair(table=REVISIONS.name, expected=row[0], found=row[1]) for row in rows]

    def members(self) -> set[AccountId]:
        """Return the accounts of the conversations folded last."""
        rows = self._connection.execute(text("SELECT account_id FROM pg_temp.conversation_member"))
        return {AccountId(account) for account in rows.scalars()}
