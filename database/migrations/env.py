"""Runs the migrations on the connection that `database.migrate` hands in."""

from alembic import context
from sqlalchemy import Connection

from database.models import Base

SCHEMAS = {"identity", "event_log", "read_model"}


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "schema" or name in SCHEMAS


def run(connection: Connection) -> None:
    """Apply what is missing, each migration in a transaction of its own."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_schemas=True,
        include_name=_ours,
        version_table="schema_version",
        version_table_schema="event_log",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
