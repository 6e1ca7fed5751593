"""Compares two read models at one snapshot, by checksums of their conversations."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from runtime.ids import ConversationId
from workers.pace import Pace
from workers.projections.statements import LIVE
from workers.scratch import TABLES, Table

_RANGES = 64
_SHOWN = 20
_CHECKSUMS = """
    SELECT {scope} AS id, count(*) AS rows,
        sum(hashtextextended(CAST(ROW({columns}) AS text), 0)) AS hash
    FROM {schema}.{name}
    WHERE {scope} >= :low AND (CAST(:high AS uuid) IS NULL OR {scope} < CAST(:high AS uuid))
    GROUP BY {scope}
"""
_DIFFER = """
    SELECT coalesce(one.id, other.id) FROM ({live}) AS one FULL JOIN ({spare}) AS other
    ON one.id = other.id
    WHERE (one.rows, one.hash) IS DISTINCT FROM (other.rows, other.hash)
"""
# Repairs raise the live ones; a low one may repeat an entity tag.
_LOW_REVISIONS = """
    SELECT count(*) FROM {spare}.account_revision AS e
    LEFT JOIN {live}.account_revision AS f USING (account_id, partition)
    WHERE f.revision IS NULL OR f.revision < e.revision
"""


@dataclass(kw_only=True)
class Compared:
    """Where the live read model differs from a spare one.

    Attributes:
        conversations: In how many conversations, by table.
        revisions: How many revisions are missing or low.
        examples: Some of the conversations.
    """

    conversations: dict[str, int] = field(default_factory=dict)
    revisions: int = 0
    examples: list[ConversationId] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Whether they are the same."""
        return not self.conversations and not self.revisions


def compare(connection: Connection, spare: str, pace: Pace) -> Compared:
    """Compare the live read model with `spare`, in bounded steps.

    Args:
        connection: In a transaction whose snapshot has both at the same events.
        spare: The schema's name.
        pace: Stops the work.
    """
    compared = Compared()
    for number in range(_RANGES):
        pace.check()
        for table in TABLES:
            _compare_range(connection, table, spare, number, compared)
    low = text(_LOW_REVISIONS.format(live=LIVE, spare=spare))
    compared.revisions = int(connection.execute(low).scalar_one())
    return compared


def _compare_range(
    connection: Connection, table: Table, spare: str, number: int, compared: Compared
) -> None:
    sides = {
        side: _CHECKSUMS.format(
            schema=schema,
            name=table.name,
            scope=table.scope,
            columns=", ".join(table.columns),
        )
        for side, schema in (("live", LIVE), ("spare", spare))
    }
    bounds = {"low": _bound(number), "high": _bound(number + 1)}
    found = connection.execute(text(_DIFFER.format(**sides)), bounds).scalars().all()
    if found:
        before = compared.conversations.get(table.name, 0)
        compared.conversations[table.name] = before + len(found)
        for conversation in map(ConversationId, found):
            if len(compared.examples) < _SHOWN and conversation not in compared.examples:
                compared.examples.append(conversation)


def _bound(number: int) -> UUID | None:
    return None if number == _RANGES else UUID(int=number * (2**128 // _RANGES))
