"""Verifies the read model: folds the log again and compares, without a lock or a write.

Each partition is compared at one snapshot, batch by batch of its conversations, so that live
projection neither disturbs nor is disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from events.selection import Selection
from runtime.ids import AccountId, ConversationId, Partition
from workers import selecting
from workers.pace import Pace
from workers.scratch import REVISIONS, TABLES, Pair, Scratch
from workers.selecting import Chosen

_KEYS = {table.name: table.key for table in (*TABLES, REVISIONS)}
_ROW = "(row)"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One value of the read model that is not what the log says.

    Attributes:
        partition: In which partition.
        table: In which table.
        key: The columns that name the row.
        column: In which column; `(row)` where the row itself is missing or too much.
        expected: As the log has it.
        found: As it is stored.
    """

    partition: Partition
    table: str
    key: dict[str, Any]
    column: str
    expected: Any
    found: Any


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """What is wrong in one batch: what to derive anew.

    Attributes:
        partition: Its partition.
        differences: What differs.
        conversations: In which conversations.
        accounts: Whose revisions.
    """

    partition: Partition
    differences: tuple[Difference, ...]
    conversations: tuple[ConversationId, ...] = ()
    accounts: tuple[AccountId, ...] = ()


@dataclass(kw_only=True)
class Verified:
    """What was compared.

    Attributes:
        conversations: How many conversations.
        events: How many events took effect in them.
        differences: How many differences there were, by table.
        rows: In how many rows, by table.
    """

    conversations: int = 0
    events: int = 0
    differences: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether there were none."""
        return not self.differences


class Verification:
    """A comparison of the chosen part of the read model with the log."""

    def __init__(self, engine: Engine, selection: Selection) -> None:
        """Compare what `selection` means.

        Args:
            engine: The primary, as a role that may read log and read model and make temporary
                tables.
            selection: Which conversations: all that have an event of it.
        """
        self._engine = engine
        self._selection = selection
        self.verified = Verified()

    def count(self) -> Chosen:
        """Return what would be compared."""
        with self._engine.begin() as connection:
            return selecting.choose(connection, self._selection)

    def run(self, pace: Pace) -> Iterator[Suspects]:
        """Yield what differs, batch by batch.

        Raises:
            InterruptedWorkError: It was stopped.
            PoisonEventError: The log holds an event that cannot be read.
        """
        with self._engine.connect() as connection:
            with connection.begin():
                chosen = selecting.choose(connection, self._selection)
                scratch = Scratch(connection)
            pace.viewer.expect(chosen.events)
            connection.execution_options(isolation_level="REPEATABLE READ")
            for partition in chosen.partitions:
                with connection.begin():
                    scratch.forget()
                    for found in self._partition(connection, scratch, partition, pace):
                        self._count(found)
                        yield found

    def _partition(
        self, connection: Connection, scratch: Scratch, partition: Partition, pace: Pace
    ) -> Iterator[Suspects]:
        for batch, events in selecting.batches(connection, partition):
            scratch.fold(partition, batch)
            yield from _suspects(partition, list(scratch.differences(batch)))
            self.verified.conversations += len(batch)
            self.verified.events += events
            pace.done(events)
        if self._selection.is_whole_partitions:
            yield from _suspects(partition, scratch.low_revisions(partition))

    def _count(self, found: Suspects) -> None:
        counts = self.verified.differences
        for difference in found.differences:
            counts[difference.table] = counts.get(difference.table, 0) + 1
        rows = {(each.table, *each.key.values()) for each in found.differences}
        for table, *_ in rows:
            self.verified.rows[table] = self.verified.rows.get(table, 0) + 1


def _suspects(partition: Partition, pairs: Sequence[Pair]) -> Iterator[Suspects]:
    if not pairs:
        return
    rows = [row for pair in pairs for row in (pair.expected, pair.found) if row is not None]
    of_accounts = pairs[0].table == REVISIONS.name
    yield Suspects(
        partition=partition,
        differences=tuple(d for pair in pairs for d in differences_of(partition, pair)),
        conversations=() if of_accounts else tuple(sorted({_conversation(row) for row in rows})),
        accounts=tuple(sorted({AccountId(UUID(row["account_id"])) for row in rows if of_accounts})),
    )


def _conversation(row: dict[str, Any]) -> ConversationId:
    return ConversationId(UUID(row.get("conversation_id") or row["id"]))


def differences_of(partition: Partition, pair: Pair) -> Iterator[Difference]:
    """Yield each column that differs, or the row where one side has none."""
    present = pair.expected if pair.expected is not None else pair.found or {}
    key = {name: present[name] for name in _KEYS[pair.table]}
    if pair.expected is None or pair.found is None:
        columns = {_ROW: (pair.expected, pair.found)}
    else:
        columns = {
            name: (pair.expected[name], pair.found[name])
            for name in pair.expected
            if pair.expected[name] != pair.found[name]
        }
    for name, (expected, found) in columns.items():
        yield Difference(
            partition=partition,
            table=pair.table,
            key=key,
            column=name,
            expected=expected,
            found=found,
        )
