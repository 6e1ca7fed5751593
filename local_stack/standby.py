"""The standby: made from the primary by a copy, or from a replaced primary by rewinding it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from local_stack import credentials, data_folders, files, postgres
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.postgres_programs import alone, run

Made = Literal["kept", "rewound", "copied"]


def make(context: Context, *, rewind: Path | None = None) -> Made:
    """Make a standby unless there is one that can still catch up; say how.

    The primary must be running, the standby not.

    Args:
        context: The stack.
        rewind: The data folder of a replaced primary to make it from, if that can be done.

    Raises:
        StackError: The copy failed, or the primary does not answer.
    """
    base = postgres.folder(context)
    data = base / data_folders.STANDBY
    with postgres.superuser(context, postgres.DATABASE) as cursor:
        if data.exists() and _can_catch_up(context, cursor):
            return "kept"
    if rewind is not None and _rewound(context, rewind):
        return "rewound"
    copy(context)
    return "copied"


def copy(context: Context) -> None:
    """Make the standby a new copy of the primary, over a slot of its own.

    Raises:
        StackError: The copy failed, or the primary does not answer.
    """
    base = postgres.folder(context)
    with postgres.superuser(context, postgres.DATABASE) as cursor:
        _make_slot_anew(cursor)
    data = base / data_folders.STANDBY
    unfinished = files.unfinished(data)
    source = f"host=127.0.0.1 port={context.port('primary')} user=replicator"
    run(
        context,
        [
            *("pg_basebackup", "-D", str(unfinished), "-X", "stream", "-S", postgres.STANDBY),
            *("-c", "fast", "--no-password", "-d", f"{source} application_name={postgres.STANDBY}"),
        ],
        folder=base,
        environment={"PGPASSFILE": str(postgres.passfile(context))},
    )
    _install(context, unfinished)


def keep_wal(context: Context) -> None:
    """Have the primary keep from now on what a standby, still to come, will need."""
    with postgres.superuser(context, postgres.DATABASE) as cursor:
        cursor.execute(
            "SELECT FROM pg_replication_slots WHERE slot_name = %s AND wal_status <> 'lost'",
            [postgres.STANDBY],
        )
        if cursor.fetchone() is None:
            _make_slot_anew(cursor)


def _rewound(context: Context, replaced: Path) -> bool:
    """Make the standby from `replaced`; False, with nothing of it left, where that cannot be."""
    keep_wal(context)
    # Under a name of its own: half rewound it must never be started.
    unfinished = files.unfinished(postgres.folder(context) / data_folders.STANDBY)
    replaced.rename(unfinished)
    try:
        _rewind(context, unfinished)
    except StackError:
        files.remove_tree(unfinished)
        return False
    _install(context, unfinished)
    return True


def _rewind(context: Context, data: Path) -> None:
    # One that was stopped while it recovered from a kill looks like a standby to pg_rewind, which
    # then takes what lies beyond the fork for nothing.
    alone(context, data, database="template1")
    with postgres.superuser(context, "postgres") as cursor:
        # Until the first checkpoint after its promotion the primary passes for one of the history
        # before, and pg_rewind finds nothing to do.
        cursor.execute("CHECKPOINT")
    source = f"host=127.0.0.1 port={context.port('primary')} user=postgres dbname=postgres"
    configuration = postgres.folder(context) / "postgresql.conf"
    run(
        context,
        [
            *("pg_rewind", "-D", str(data), f"--source-server={source}"),
            f"--config-file={configuration}",
        ],
        folder=postgres.folder(context),
        environment={"PGPASSWORD": credentials.read(context.credentials.database("postgres"))},
    )


def _install(context: Context, unfinished: Path) -> None:
    """Give the finished data folder the standby's name, in place of what had it."""
    data = postgres.folder(context) / data_folders.STANDBY
    files.write(unfinished / "standby.signal", "", owner=context.account)
    files.remove_tree(data)
    unfinished.rename(data)


def _can_catch_up(context: Context, cursor: Cursor) -> bool:
    """Return whether the primary still has all that the standby lacks, and is the one it knows."""
    cursor.execute(
        "SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [postgres.STANDBY]
    )
    slot = cursor.fetchone()
    if slot is None or slot[0] == "lost":
        return False
    cursor.execute("SELECT system_identifier FROM pg_control_system()")
    row = cursor.fetchone()
    try:
        told = run(context, ["pg_controldata", "-D", "replica"], folder=postgres.folder(context))
    except StackError:
        return False
    return row is not None and str(row[0]) in told


def _make_slot_anew(cursor: Cursor) -> None:
    # A standby that was just stopped may hold the slot for a moment longer.
    cursor.execute(
        "SELECT pg_terminate_backend(active_pid, 5000), pg_drop_replication_slot(slot_name)"
        " FROM pg_replication_slots WHERE slot_name = %s",
        [postgres.STANDBY],
    )
    cursor.execute("SELECT pg_create_physical_replication_slot(%s, true)", [postgres.STANDBY])
