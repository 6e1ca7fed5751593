"""Mends conversations of a read model: writes what the log says in place of what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Connection

from events import checkpoints
from runtime.ids import AccountId, ConversationId, Partition
from workers.projections.statements import LIVE, as_json, statement
from workers.scratch import MEMBERS, MESSAGES, TABLES, Pair, Scratch, Table

# What differs goes before anything comes, for two rows may have changed places.
_REMOVE = """
    DELETE FROM {{schema}}.{name} AS f
    WHERE f.{scope} = ANY(CAST(:ids AS uuid[])) AND NOT EXISTS (
        SELECT FROM pg_temp.{name} AS e
        WHERE {same_key} AND ({columns_of_e}) IS NOT DISTINCT FROM ({columns_of_f})
    )
"""
# A message that was moved to a conversation that it is not of.
_REMOVE_MOVED = """
    DELETE FROM {schema}.message AS f USING pg_temp.message AS e
    WHERE f.id = e.id AND f.conversation_id <> e.conversation_id
    RETURNING f.conversation_id
"""
_ADD = """
    INSERT INTO {{schema}}.{name} ({columns})
    SELECT {columns} FROM pg_temp.{name} AS e
    WHERE NOT EXISTS (SELECT FROM {{schema}}.{name} AS f WHERE {same_key})
"""
_MEMBERS = """
    SELECT account_id FROM {schema}.conversation_member
    WHERE conversation_id = ANY(CAST(:ids AS uuid[]))
"""
_RAISE = """
    INSERT INTO {schema}.account_revision AS a (account_id, partition, revision)
    SELECT r.account_id, :partition, 1 FROM json_to_recordset(CAST(:rows AS json))
        AS r(account_id uuid)
    ON CONFLICT (account_id, partition) DO UPDATE SET revision = a.revision + 1
"""
# Above both: what was shown under the wrong revisions must not be taken for what is shown now.
_CORRECT = """
    INSERT INTO {schema}.account_revision AS a (account_id, partition, revision)
    SELECT account_id, partition, revision + 1 FROM pg_temp.account_revision
    WHERE account_id = ANY(CAST(:accounts AS uuid[]))
    ON CONFLICT (account_id, partition)
    DO UPDATE SET revision = GREATEST(a.revision + 1, excluded.revision)
"""
_CONVERSATIONS = """
    SELECT m.conversation_id FROM {schema}.conversation_member AS m
    WHERE m.account_id = ANY(CAST(:accounts AS uuid[]))
        AND event_log.conversation_hash(m.conversation_id) & (
            SELECT q.partitions - 1 FROM event_log.queue_epoch AS q WHERE q.id = 1
        ) = :partition
    GROUP BY m.conversation_id
"""
_AT_ONCE = 100


def _filled(template: str, table: Table) -> str:
    return template.format(
        name=table.name,
        scope=table.scope,
        columns=", ".join(table.columns),
        columns_of_e=", ".join(f"e.{column}" for column in table.columns),
        columns_of_f=", ".join(f"f.{column}" for column in table.columns),
        same_key=" AND ".join(f"e.{column} = f.{column}" for column in table.key),
    )


_REMOVALS = {table.name: _filled(_REMOVE, table) for table in TABLES}
_ADDITIONS = {table.name: _filled(_ADD, table) for table in TABLES}


def mend(
    transaction: Connection,
    partition: Partition,
    conversations: Sequence[ConversationId],
    *,
    schema: str = LIVE,
) -> list[Pair]:
    """Derive conversations of a partition again from the log; return the rows that differed.

    The revisions of all who see it, or saw what should not have been, are raised.

    Args:
        transaction: As the worker's role. It keeps projectors out of the partition to its end.
        partition: The partition of all of them.
        conversations: Which.
        schema: In which read model.
    """
    checkpoints.hold(transaction, [partition])
    return mend_held(transaction, partition, conversations, schema=schema)


def mend_held(
    transaction: Connection,
    partition: Partition,
    conversations: Sequence[ConversationId],
    *,
    schema: str,
) -> list[Pair]:
    """Do as `mend` where projectors are kept out of the partition already."""
    scratch = Scratch(transaction, schema=schema)
    scratch.fold(partition, conversations)
    pairs = list(scratch.differences(conversations))
    if not pairs:
        return []
    ids = {"ids": list(conversations)}
    before = _members(transaction, schema, conversations)
    moved = transaction.execute(statement(_REMOVE_MOVED, schema)).scalars()
    elsewhere = _members(transaction, schema, [ConversationId(found) for found in moved])
    for table in TABLES:
        transaction.execute(statement(_REMOVALS[table.name], schema), ids)
    for table in TABLES:
        transaction.execute(statement(_ADDITIONS[table.name], schema))
    told = before | elsewhere | scratch.members() | _named(pairs)
    rows = as_json({"account_id": account} for account in told)
    transaction.execute(statement(_RAISE, schema), {"partition": partition, "rows": rows})
    return pairs


def correct_revisions(
    transaction: Connection,
    partition: Partition,
    accounts: Sequence[AccountId],
    *,
    schema: str = LIVE,
) -> None:
    """Count the revisions of `accounts` again, and raise them above all that was shown so far.

    Their rows must be mended before. See `mend`.
    """
    checkpoints.hold(transaction, [partition])
    values = {"accounts": list(accounts), "partition": partition}
    found = transaction.execute(statement(_CONVERSATIONS, schema), values).scalars()
    conversations = [ConversationId(conversation) for conversation in found]
    scratch = Scratch(transaction, schema=schema)
    for start in range(0, len(conversations), _AT_ONCE):
        scratch.fold(partition, conversations[start : start + _AT_ONCE])
    transaction.execute(statement(_CORRECT, schema), values)


def _members(
    transaction: Connection, schema: str, conversations: Sequence[ConversationId]
) -> set[AccountId]:
    ids = {"ids": list(conversations)}
    return {
        AccountId(found)
        for found in transaction.execute(statement(_MEMBERS, schema), ids).scalars()
    }


def _named(pairs: Iterable[Pair]) -> set[AccountId]:
    """Return the accounts that rows name, right or wrong."""
    names = {MEMBERS.name: ("account_id",), MESSAGES.name: ("sender_id", "recipient_id")}
    return {
        AccountId(UUID(row[name]))
        for pair in pairs
        for row in (pair.expected, pair.found)
        if row is not None
        for name in names.get(pair.table, ())
    }
