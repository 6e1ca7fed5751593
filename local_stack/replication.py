"""What the standby has of what the primary wrote."""

from __future__ import annotations

import re
import time

from local_stack import data_folders, postgres
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.postgres_programs import run

_CHECKPOINT = re.compile(r"^Latest checkpoint location: +([0-9A-F]+/[0-9A-F]+)$", re.MULTILINE)
_POLL_S = 0.1
# What was received may end within a record, which is never applied.
_STILL_S = 2.0


def follows(context: Context) -> bool:
    """Return whether the standby receives what the primary writes, and its history is the same.

    Raises:
        StackError: The primary does not answer.
    """
    with postgres.superuser(context, postgres.DATABASE) as cursor:
        cursor.execute("SELECT pg_walfile_name(pg_current_wal_lsn())")
        row = cursor.fetchone()
        # A standby that went another way connects again and again: only its timeline tells.
        timeline = int(row[0][:8], 16) if row else 0
        cursor.execute(
            "SELECT FROM pg_stat_replication"
            " WHERE application_name = %s AND state IN ('streaming', 'catchup')",
            [postgres.STANDBY],
        )
        return cursor.fetchone() is not None and _timeline_received(context) == timeline


def _timeline_received(context: Context) -> int | None:
    try:
        with postgres.superuser(context, "postgres", name="replica") as cursor:
            cursor.execute("SELECT received_tli FROM pg_stat_wal_receiver")
            row = cursor.fetchone()
    except StackError:
        return None
    return int(row[0]) if row else None


def lag_bytes(context: Context) -> int | None:
    """Return how much the standby has not applied of what the primary wrote; None: no standby.

    Raises:
        StackError: The primary does not answer.
    """
    with postgres.superuser(context, postgres.DATABASE) as cursor:
        cursor.execute(
            "SELECT pg_current_wal_lsn() - replay_lsn FROM pg_stat_replication"
            " WHERE application_name = %s",
            [postgres.STANDBY],
        )
        row = cursor.fetchone()
    return int(row[0]) if row and row[0] is not None else None


def check_all_received(context: Context) -> None:
    """Pass if the standby has all that the primary, which was stopped, ever wrote.

    Raises:
        StackError: It lacks something.
    """
    told = run(
        context,
        ["pg_controldata", "-D", data_folders.PRIMARY],
        folder=postgres.folder(context),
    )
    # The last thing that a primary writes when it is stopped, and sends before it ends.
    last = _CHECKPOINT.search(told)
    if last is None or "shut down\n" not in told:
        raise StackError("The primary did not stop cleanly, nothing was changed: try again.")
    with postgres.superuser(context, "postgres", name="replica") as cursor:
        cursor.execute(
            "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) > %s::pg_lsn",
            [last[1]],
        )
        if cursor.fetchone() != (True,):
            raise StackError("The standby lacks the primary's last writes, nothing was changed.")


def await_replay(context: Context) -> None:
    """Return when the standby has applied what it received; it receives nothing more.

    Raises:
        StackError: The standby does not answer.
    """
    with postgres.superuser(context, "postgres", name="replica") as cursor:
        cursor.execute("SELECT pg_wal_replay_resume() WHERE pg_is_wal_replay_paused()")
        reached, since = "", time.monotonic()
        while time.monotonic() - since < _STILL_S:
            cursor.execute(
                "SELECT pg_last_wal_replay_lsn()::text,"
                " pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()"
            )
            now, all_applied = cursor.fetchone() or ("", True)
            if all_applied:
                return
            if now != reached:
                reached, since = now, time.monotonic()
            time.sleep(_POLL_S)
