"""Histories that the tests replay, and the rows that a read model has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from tests.projector.conftest import Harness
from tests.projector.test_model import Scenario
from tests.servers import Servers
from workers.scratch import REVISIONS, TABLES

HISTORY: list[tuple[Any, ...]] = [
    ("send", 0, 1, "one", "first"),
    ("send", 1, 0, "two", None),
    ("send", 0, 1, "three", None),
    ("send", 2, 0, "four", None),
    ("send", 1, 2, "five", None),
    ("send", 0, 2, "six", None),
    ("edit", 0, 0, {"body": "one, edited"}),
    ("read", 1, 0, 1),
    ("delete", 0, 2, "everyone"),
    ("delete", 1, 4, "me"),
    ("edit", 2, 0, {"body": "not mine"}),
]


def play(harness: Harness, steps: Iterable[tuple[Any, ...]] = HISTORY) -> Scenario:
    """Have new people do `steps`, all of it applied."""
    scenario = Scenario()
    perform(harness, scenario, steps)
    return scenario


def perform(harness: Harness, scenario: Scenario, steps: Iterable[tuple[Any, ...]]) -> None:
    for step in steps:
        made = scenario.event(step)
        if made is not None:
            harness.append(harness.envelope(*made))
    harness.drain_all()


def rows_of(engine: Engine | Connection, schema: str) -> dict[str, list[Any]]:
    """Return all rows of a read model by table, what Postgres computes included."""
    if isinstance(engine, Engine):
        with engine.connect() as connection:
            return rows_of(connection, schema)
    return {
        table.name: list(
            engine.execute(
                text(f"SELECT to_jsonb(t) FROM {schema}.{table.name} AS t ORDER BY to_jsonb(t)")
            ).scalars()
        )
        for table in (*TABLES, REVISIONS)
    }


def forget_all(servers: Servers) -> None:
    """Begin with an empty log and read model, and no other read model."""
    engine = create_engine(servers.database_url("postgres"), poolclass=NullPool)
    tables = ", ".join(f"read_model.{table.name}" for table in (*TABLES, REVISIONS))
    with engine.begin() as transaction:
        for spare in ("read_model_next", "read_model_old"):
            transaction.execute(text(f"SELECT event_log.drop_read_model('{spare}')"))
        transaction.execute(
            text(
                f"TRUNCATE {tables}, event_log.event, event_log.dead_letter,"
                " event_log.deleted_account"
            )
        )
