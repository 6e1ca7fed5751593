"""The migrations produce the models, and may run again."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, text

from database.migrate import upgrade
from database.models import Base
from tests.servers import Servers

SCHEMAS = {"identity", "event_log", "read_model"}


def test_migrations_produce_the_models(servers: Servers) -> None:
    engine = create_engine(servers.database_url("messaging_owner"), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name in SCHEMAS,
                "version_table": "schema_version",
                "version_table_schema": "event_log",
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing(servers: Servers) -> None:
    upgrade(servers.database_url("messaging_owner"))


def test_a_new_database_has_no_account(servers: Servers) -> None:
    engine = create_engine(servers.database_url("auth_api"), poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM identity.account")).all() == []
