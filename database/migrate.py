"""Brings the primary's schemas up to date, by Alembic; `python -m database.migrate` does it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, text

from runtime.settings import DatabaseSettings, Reader

_MIGRATIONS = Path(__file__).parent / "migrations"
# Two `up`s at once must not migrate at once.
_ADVISORY_LOCK = 0x6D657373


def upgrade(url: str) -> None:
    """Apply every migration that the database behind `url` lacks; none missing, none applied.

    Args:
        url: SQLAlchemy address of the primary itself, as role `messaging_owner`.
    """
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        # A table that is busy must not be waited for while everybody queues behind us.
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS event_log"))
        connection.commit()
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.commit()
        config = Config()
        # Alembic's options know interpolation, a folder's name does not.
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def main() -> None:
    """Migrate the database that the environment names."""
    settings = DatabaseSettings.read(Reader())
    scheme, rest = settings.url.split("://", 1)
    role, host = rest.split("@", 1)
    upgrade(f"{scheme}://{role}:{settings.password.reveal()}@{host}")


if __name__ == "__main__":
    main()
