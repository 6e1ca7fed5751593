"""The two Postgres servers: a primary, and a standby that streams from it over its own slot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from local_stack import credentials, data_folders, database_roles, files, templates
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.postgres_programs import failure, run
from local_stack.service import Service

DATABASE = database_roles.DATABASE
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
        f" application_name={STANDBY} passfile='{_quoted(passfile(context))}'"
    )
    return ("-c", f"primary_conninfo={primary}", "-c", f"primary_slot_name={STANDBY}")


def passfile(context: Context) -> Path:
    """Return the file with the password of role `replicator` at both servers."""
    return folder(context) / "replicator.pgpass"


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "\\'")


def make_folder(context: Context) -> Path:
    """Return the folder of both servers with what they need to run at all; nobody uses it yet."""
    base = files.folder(folder(context), owner=context.account)
    files.remove_unfinished(base)
    configuration = templates.render("postgres/postgresql.conf", {})
    files.write(base / "postgresql.conf", configuration, owner=context.account)
    return base


def prepare(context: Context) -> None:
    """Write the servers' configuration, and make the primary's data folder if there is none."""
    owner = context.account
    base = make_folder(context)
    hba = templates.render("postgres/pg_hba.conf", {"NETWORK": "127.0.0.1/32"})
    files.write(base / "pg_hba.conf", hba, owner=owner)
    password = credentials.read(context.credentials.database("replicator"))
    entry = f"127.0.0.1:{context.port('primary')}:*:replicator:{password}\n"
    files.write(passfile(context), entry, owner=owner)
    data_folders.exchange(base)
    data_folders.check(base)
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
    database_roles.set_up(partial(superuser, context), context.credentials, roles_sql)


def url(context: Context, role: str, *, name: str = "primary", password: str = "") -> str:
    """Return the SQLAlchemy address of database `messaging` at server `name` for `role`."""
    secret = f":{password}" if password else ""
    port = context.port(name)
    return f"postgresql+psycopg2://{role}{secret}@127.0.0.1:{port}/{DATABASE}"


@contextmanager
def superuser(context: Context, database: str, *, name: str = "primary") -> Iterator[Cursor]:
    """Give a superuser's cursor at server `name`, in autocommit.

    Raises:
        StackError: The server does not answer, or refuses.
    """
    try:
        with (
            closing(
                psycopg2.connect(
                    host="127.0.0.1",
                    port=context.port(name),
                    user="postgres",
                    password=credentials.read(context.credentials.database("postgres")),
                    dbname=database,
                    connect_timeout=_CONNECT_TIMEOUT_S,
                    application_name="messaging up",
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            connection.autocommit = True
            yield cursor
    except psycopg2.Error as error:
        raise failure(f"The {name}", str(error), folder=folder(context)) from error


def in_recovery(context: Context, name: str) -> bool | None:
    """Return whether server `name` follows or recovers; None where it does not answer."""
    try:
        with superuser(context, "postgres", name=name) as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            row = cursor.fetchone()
    except StackError:
        return None
    return bool(row and row[0])


def serves(context: Context, name: str) -> bool:
    """Return whether the primary takes writes, or the replica reads."""
    return in_recovery(context, name) == (name == "replica")
