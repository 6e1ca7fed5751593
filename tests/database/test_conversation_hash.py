"""The hash of a conversation in SQL, in both forms, is that of the code."""

from __future__ import annotations

import importlib
import zlib
from uuid import UUID, uuid4

import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.servers import Servers

MIGRATION = importlib.import_module("database.migrations.versions.0010_postgres_17")
IDS = [UUID(int=0), UUID(int=2**128 - 1), *(UUID(int=1 << bit) for bit in range(128))]


@pytest.mark.parametrize("native", [True, False], ids=["Postgres 18", "Postgres 17"])
def test_it_is_the_crc32_of_the_id(servers: Servers, native: bool) -> None:
    ids = [*IDS, *(uuid4() for _ in range(500))]
    engine = create_engine(servers.database_url("postgres"), poolclass=NullPool)
    with engine.connect() as connection:
        server = connection.dialect.server_version_info
        if native and (server is None or server < (18,)):
            pytest.skip("this Postgres has no crc32")
        connection.execute(text("DROP FUNCTION event_log.conversation_hash(uuid)"))
        connection.exec_driver_sql(MIGRATION.hash_function(native=native))
        hashes = connection.execute(
            text("SELECT event_log.conversation_hash(id) FROM unnest(CAST(:ids AS uuid[])) AS id"),
            {"ids": [str(one) for one in ids]},
        )
        assert list(hashes.scalars()) == [zlib.crc32(one.bytes) for one in ids]
        connection.rollback()
