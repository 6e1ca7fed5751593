"""The two Postgres servers: a primary, and a standby that streams from it over its own slot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from local_stack import credentials, database_roles, files, templates
from local_stack.context import Context
from local_stack.database_roles import DATABASE
from local_stack.errors import StackError
from local_stack.postgres_programs import failure, run
from local_stack.service import Service

STANDBY = "standby1"
_CONNECT_TIMEOUT_S = 5


def folder(context: Context) -> Path:
    """Return the folder of both servers."""
    return context.state.servers / "postgres"


def services(context: Context) -> list[Service]:
    """Return the primary and the standby as services."""
    return [
        _service(context, "primary", wave=1),
        _service(context, "replica", wave=2, extra=_standby_options(context)),
    ]


def _service(context: Context, name: str, *, wave: int, extra: Sequence[str] = ()) -> Service:
    data = folder(context) / name
    port = context.port(name)
    options = {
        "config_file": folder(context) / "postgresql.conf",
        "hba_file": folder(context) / "pg_hba.conf",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "cluster_name": name,
    }
    set_options = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    postgres = str(context.binaries.postgres / "postgres")
    return Service(
        name=name,
        wave=wave,
        command=(postgres, "-D", str(data), "-p", str(port), *set_options, *extra),
        # Postgres works in its data folder: that tells its leftovers from another stack's.
        folder=data,
        # SIGINT is "fast": SIGTERM would wait for every client to leave.
        stop_signal="INT",
        stop_seconds=60,
        account=context.account,
        port=port,
        pid_file=data / "postmaster.pid",
    )


def _standby_options(context: Context) -> Sequence[str]:
    primary = (
        f"host=127.0.0.1 port={context.port('primary')} user=replicator"
        f" application_name={STANDBY} passfile='{_quoted(_passfile(context))}'"
    )
    return ("-c", f"primary_conninfo={primary}", "-c", f"primary_slot_name={STANDBY}")


def _passfile(context: Context) -> Path:
    return folder(context) / "replicator.pgpass"


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "\\'")


def prepare(context: Context) -> None:
    """Write the servers' configuration, and make the primary's data folder if there is none."""
    owner = context.account
    base = files.folder(folder(context), owner=owner)
    files.remove_unfinished(base)
    files.write(
        base / "postgresql.conf", templates.render("postgres/postgresql.conf", {}), owner=owner
    )
    hba = templates.render("postgres/pg_hba.conf", {"NETWORK": "127.0.0.1/32"})
    files.write(base / "pg_hba.conf", hba, owner=owner)
    password = credentials.read(context.credentials.database("replicator"))
    entry = f"127.0.0.1:{context.port('primary')}:*:replicator:{password}\n"
    files.write(_passfile(context), entry, owner=owner)
    if not (base / "primary").exists():
        _initialise(context, base)


def _initialise(context: Context, base: Path) -> None:
    unfinished = files.unfinished(base / "primary")
    password = base / "password"
    secret = context.credentials.database("postgres").read_bytes()
    files.write(password, secret, owner=context.account)
    # The built-in C.UTF-8 knows the cases of all letters and is the same on every machine.
    run(
        context,
        [
            *("initdb", "-D", str(unfinished), "-U", "postgres", f"--pwfile={password}"),
            *templates.render("postgres/initdb.options", {}).split(),
        ],
        folder=base,
    )
    password.unlink()
    unfinished.rename(base / "primary")


def set_up_roles(context: Context, roles_sql: str) -> None:
    """Make the database and its roles with their present passwords.

    All of it may have been done before. The primary must be running.

    Args:
        context: The stack.
        roles_sql: What makes the roles, as plain SQL.
    """
    database_roles.set_up(partial(_cursor, context), context.credentials, roles_sql)


def make_standby(context: Context) -> None:
    """Copy the primary into a standby if there is none, or none that could still catch up.

    The primary must be running, the standby not.
    """
    base = folder(context)
    standby = base / "replica"
    with _cursor(context, DATABASE) as cursor:
        if standby.exists() and _can_catch_up(context, cursor):
            return
        _make_slot_anew(cursor)
    unfinished = files.unfinished(standby)
    source = f"host=127.0.0.1 port={context.port('primary')} user=replicator"
    run(
        context,
        [
            *("pg_basebackup", "-D", str(unfinished), "-X", "stream", "-S", STANDBY),
            *("-c", "fast", "--no-password", "-d", f"{source} application_name={STANDBY}"),
        ],
        folder=base,
        environment={"PGPASSFILE": str(_passfile(context))},
    )
    files.write(unfinished / "standby.signal", "", owner=context.account)
    files.remove_tree(standby)
    unfinished.rename(standby)


def _can_catch_up(context: Context, cursor: Cursor) -> bool:
    """Return whether the primary still has all that the standby lacks, and is the one it knows."""
    cursor.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [STANDBY])
    slot = cursor.fetchone()
    if slot is None or slot[0] == "lost":
        return False
    cursor.execute("SELECT system_identifier FROM pg_control_system()")
    row = cursor.fetchone()
    try:
        told = run(context, ["pg_controldata", "-D", "replica"], folder=folder(context))
    except StackError:
        return False
    return row is not None and str(row[0]) in told


def _make_slot_anew(cursor: Cursor) -> None:
    # A standby that was just stopped may hold the slot for a moment longer.
    cursor.execute(
        "SELECT pg_terminate_backend(active_pid, 5000), pg_drop_replication_slot(slot_name)"
        " FROM pg_replication_slots WHERE slot_name = %s",
        [STANDBY],
    )
    cursor.execute("SELECT pg_create_physical_replication_slot(%s, true)", [STANDBY])


def url(context: Context, role: str, *, name: str = "primary", password: str = "") -> str:
    """Return the SQLAlchemy address of database `messaging` at server `name` for `role`."""
    secret = f":{password}" if password else ""
    port = context.port(name)
    return f"postgresql+psycopg2://{role}{secret}@127.0.0.1:{port}/{DATABASE}"


@contextmanager
def _cursor(context: Context, database: str, *, name: str = "primary") -> Iterator[Cursor]:
    """Give a superuser's cursor at server `name`, in autocommit."""
    with closing(
        psycopg2.connect(
            host="127.0.0.1",
            port=context.port(name),
            user="postgres",
            password=credentials.read(context.credentials.database("postgres")),
            dbname=database,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="messaging up",
        )
    ) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            try:
                yield cursor
            except psycopg2.Error as error:
                raise failure(f"The {name}", str(error), folder=folder(context)) from error


def serves(context: Context, name: str) -> bool:
    """Return whether the primary takes writes, or the replica reads."""
    try:
        with _cursor(context, "postgres", name=name) as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            return cursor.fetchone() == (name == "replica",)
    except (psycopg2.OperationalError, StackError):
        return False
