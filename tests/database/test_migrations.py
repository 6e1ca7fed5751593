"""The migrations produce the models, and may run again."""

from __future__ import annotations

import importlib
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, NullPool, create_engine, text

from database.migrate import upgrade
from database.models import Base
from tests.servers import Servers

SCHEMAS = {"identity", "event_log", "read_model"}
PARKED_BEFORE = """
INSERT INTO event_log.dead_letter (partition, "offset", event_id, conversation_id, entry, state,
    reason, traceback, attempts, parked_at, updated_at)
VALUES (0, '1', NULL, NULL, 'text', 'parked', 'it waits', NULL, 0, now(), now())
"""


def context_of(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name in SCHEMAS,
            "version_table": "schema_version",
            "version_table_schema": "event_log",
        },
    )


def test_migrations_produce_the_models(servers: Servers) -> None:
    engine = create_engine(servers.database_url("messaging_owner"), poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(context_of(connection), Base.metadata) == []


def letters(connection: Connection) -> list[Any]:
    return list(connection.execute(text("SELECT * FROM event_log.dead_letter")).mappings())


def test_letters_of_before_0012_are_there_after_it_to_be_looked_at(servers: Servers) -> None:
    migration = importlib.import_module("database.migrations.versions.0012_parked_in_order")
    engine = create_engine(servers.database_url("messaging_owner"), poolclass=NullPool)
    with engine.connect() as connection, connection.begin() as transaction:
        context = context_of(connection)
        with Operations.context(context):
            migration.downgrade()
            connection.execute(text(PARKED_BEFORE))
            [before] = letters(connection)
            assert "checked" not in before
            migration.upgrade()
        assert letters(connection) == [{**before, "checked": False}]
        assert compare_metadata(context, Base.metadata) == []
        # Code of before, which names no such column, parks beside that of now.
        connection.execute(text(PARKED_BEFORE.replace("'1'", "'2'")))
        assert [letter["checked"] for letter in letters(connection)] == [False, False]
        transaction.rollback()


def test_migrating_twice_changes_nothing(servers: Servers) -> None:
    upgrade(servers.database_url("messaging_owner"))


def test_a_new_database_has_no_account(servers: Servers) -> None:
    engine = create_engine(servers.database_url("auth_api"), poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM identity.account")).all() == []
