"""Each role may do its job and nothing else: the forbidden is tried, one by one."""

from __future__ import annotations

import psycopg2
import psycopg2.errors
import pytest
from sqlalchemy import text

from database.engines import create_engine_for
from runtime.settings import DatabaseSettings, Secret
from tests.servers import Servers

TABLES = (
    "identity.account",
    "identity.session",
    "identity.refresh_token",
    "identity.erasure",
    "identity.directory",
    "identity.ended_session",
    "identity.directory_revision",
    "event_log.event",
    "event_log.checkpoint",
    "event_log.dead_letter",
    "event_log.queue_epoch",
    "event_log.queued_erasure",
    "event_log.deleted_account",
    "event_log.fold",
    "event_log.schema_version",
    "read_model.conversation",
    "read_model.conversation_member",
    "read_model.message",
    "read_model.account_revision",
)
# What each role may SELECT, INSERT, UPDATE and DELETE; all the rest is refused.
ERASURE = {"identity.erasure"}
IDENTITY = {"identity.account", "identity.session", "identity.refresh_token"} | ERASURE
LOG = {
    "event_log.event",
    "event_log.checkpoint",
    "event_log.dead_letter",
    "event_log.queue_epoch",
}
ERASURES = {"event_log.queued_erasure", "event_log.deleted_account"}
FOLD = {"event_log.fold"}
READ_MODEL = {
    "read_model.conversation",
    "read_model.conversation_member",
    "read_model.message",
    "read_model.account_revision",
}
DIRECTORY = {"identity.directory"}
ENDED = {"identity.ended_session"}
REVISION = {"identity.directory_revision"}
NOTHING: set[str] = set()
MAY = {
    "auth_api": (IDENTITY, IDENTITY, IDENTITY, IDENTITY),
    "command_api": (DIRECTORY, NOTHING, NOTHING, NOTHING),
    "query_api": (DIRECTORY | ENDED | REVISION | LOG | READ_MODEL, NOTHING, NOTHING, NOTHING),
    "worker": (
        ENDED | ERASURE | ERASURES | FOLD | LOG | READ_MODEL,
        ERASURES | FOLD | LOG | READ_MODEL,
        ERASURES | FOLD | LOG | READ_MODEL,
        FOLD | READ_MODEL,
    ),
    "operator": (DIRECTORY | ERASURES | FOLD | LOG | READ_MODEL, NOTHING, NOTHING, NOTHING),
    "pgpool": (NOTHING, NOTHING, NOTHING, NOTHING),
}
STATEMENTS = (
    "SELECT count(*) FROM {table}",
    "INSERT INTO {table} ({column}) SELECT {column} FROM {table} WHERE false",
    "UPDATE {table} SET {column} = {column} WHERE false",
    "DELETE FROM {table} WHERE false",
)
FIRST_COLUMN = {
    "event_log.event": "partition",
    "event_log.checkpoint": "partition",
    "event_log.dead_letter": "partition",
    "event_log.fold": "partition",
    "event_log.schema_version": "version_num",
    "event_log.queued_erasure": "account_id",
    "event_log.deleted_account": "account_id",
    "identity.erasure": "account_id",
    "read_model.conversation_member": "conversation_id",
    "read_model.account_revision": "account_id",
}


def refused(servers: Servers, role: str, statement: str) -> bool:
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=servers.postgres_port,
        user=role,
        dbname="messaging",
        # The role's own setting is a convenience, which an intruder would turn off.
        options="-c default_transaction_read_only=off",
    )
    try:
        connection.cursor().execute(statement)
    except psycopg2.errors.InsufficientPrivilege:
        return True
    else:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("role", MAY)
@pytest.mark.parametrize("table", TABLES)
def test_a_role_may_do_its_job_and_no_more(servers: Servers, role: str, table: str) -> None:
    column = FIRST_COLUMN.get(table, "id")
    for statement, allowed in zip(STATEMENTS, MAY[role], strict=True):
        tried = statement.format(table=table, column=column)
        # Writing needs reading as well in the forms tried, which every writer here may.
        assert refused(servers, role, tried) == (table not in allowed), tried


@pytest.mark.parametrize("role", MAY)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE read_model.mine (id int)",
        "CREATE SCHEMA mine",
        "TRUNCATE event_log.event",
        "ALTER ROLE postgres PASSWORD 'mine'",
        "SET ROLE messaging_owner",
        "COPY event_log.event TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_no_service_may_change_the_schema_or_leave_the_database(
    servers: Servers, role: str, statement: str
) -> None:
    assert refused(servers, role, statement), statement


def test_a_query_role_is_read_only_by_default(servers: Servers) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=servers.postgres_port, user="query_api", dbname="messaging"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW default_transaction_read_only")
        assert cursor.fetchone() == ("on",)
    connection.close()


@pytest.mark.parametrize("role", MAY)
def test_only_the_worker_may_free_names_and_only_of_what_is_erased(
    servers: Servers, role: str
) -> None:
    assert refused(servers, role, "SELECT identity.forget_erased()") == (role != "worker")


@pytest.mark.parametrize("role", MAY)
def test_only_the_operator_may_delete_an_account_that_is_not_theirs(
    servers: Servers, role: str
) -> None:
    tried = "SELECT identity.delete_by_operator('nobody', gen_random_uuid())"
    assert refused(servers, role, tried) == (role != "operator")


@pytest.mark.parametrize("role", MAY)
def test_only_the_operator_may_take_the_workers_role_on(servers: Servers, role: str) -> None:
    itself_or_operator = role in ("worker", "operator")
    assert refused(servers, role, "SET ROLE worker") != itself_or_operator


@pytest.mark.parametrize("role", MAY)
def test_only_the_operator_sees_the_standbys(servers: Servers, role: str) -> None:
    assert refused(servers, role, "SELECT * FROM public.standbys()") == (role != "operator")


def test_an_erasure_is_ordered_by_its_owner_or_an_operator(servers: Servers) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=servers.postgres_port, user="postgres", dbname="messaging"
    )
    with pytest.raises(psycopg2.errors.CheckViolation):
        connection.cursor().execute(
            "INSERT INTO identity.erasure"
            " VALUES (gen_random_uuid(), gen_random_uuid(), now(), NULL, NULL, 'nobody')"
        )
    connection.close()


@pytest.mark.parametrize("role", MAY)
@pytest.mark.parametrize(
    "call",
    [
        "make_next_read_model()",
        "complete_next_read_model()",
        "swap_read_model('read_model_next')",
        "drop_read_model('read_model_next')",
    ],
)
def test_only_the_operator_may_make_swap_and_drop_read_models(
    servers: Servers, role: str, call: str
) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=servers.postgres_port, user="postgres", dbname="messaging"
    )
    with connection.cursor() as cursor:
        function = f"event_log.{call.partition('(')[0]}"
        cursor.execute(
            "SELECT has_function_privilege(%s, oid, 'EXECUTE') FROM pg_proc"
            " WHERE oid = %s::regproc",
            [role, function],
        )
        assert cursor.fetchone() == (role == "operator",)
    connection.close()


@pytest.mark.parametrize("function", ["swap_read_model", "drop_read_model"])
@pytest.mark.parametrize(
    "name", ["'read_model'", "'identity'", "'event_log'", "NULL", "'read_model_old; --'"]
)
def test_no_other_schema_is_swapped_or_dropped(servers: Servers, function: str, name: str) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=servers.postgres_port, user="operator", dbname="messaging"
    )
    with pytest.raises(psycopg2.errors.RaiseException):
        connection.cursor().execute(f"SELECT event_log.{function}({name})")
    connection.close()


@pytest.mark.parametrize("role", MAY)
def test_the_operator_alone_may_act_as_the_worker_and_only_by_saying_so(
    servers: Servers, role: str
) -> None:
    assert refused(servers, role, "SET ROLE worker") == (role not in ("operator", "worker"))
    assert refused(
        servers, role, "INSERT INTO event_log.checkpoint SELECT * FROM event_log.checkpoint LIMIT 0"
    ) == (role != "worker")


def test_who_acts_as_the_worker_has_its_limits_of_time(servers: Servers) -> None:
    engine = create_engine_for(
        DatabaseSettings(url=servers.database_url("operator"), password=Secret("-")),
        application_name="api-write",
        pool_size=1,
        as_role="worker",
    )
    shown = text(
        "SELECT current_user, current_setting('statement_timeout'), current_setting('lock_timeout')"
    )
    for _ in range(2):
        with engine.begin() as transaction:
            assert tuple(transaction.execute(shown).one()) == ("worker", "1min", "10s")
    engine.dispose()
