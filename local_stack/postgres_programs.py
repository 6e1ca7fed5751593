"""Runs Postgres's own programs, and says in one line why one failed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_stack.context import Context
from local_stack.errors import StackError

_SLOW_STEP_S = 300
# They take as long as there are data.
_LONG = frozenset({"pg_basebackup", "pg_rewind", "pg_verifybackup", "postgres"})
_LEAST_FREE = 32 * 1024 * 1024
_DISK_FULL = ("No space left on device", "Check free disk space", "Disk quota exceeded")
_REFUSED = re.compile(r"^(?:.* )?(?:ERROR|FATAL|PANIC):", re.MULTILINE)
_TELLING = re.compile("error|fatal|failed", re.IGNORECASE)


def run(
    context: Context,
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    told: str = "",
    as_invoker: bool = False,
) -> str:
    """Run one of the programs in `folder` as the servers' user and return what it prints.

    Args:
        context: The stack.
        command: The program's name and its arguments.
        folder: Where it works.
        environment: What it finds in the environment besides.
        told: What it reads from its standard input.
        as_invoker: Run it as the user who runs us, for what lies where only that one may write.

    Raises:
        StackError: It failed.
    """
    account = None if as_invoker else context.account
    done = subprocess.run(
        [str(context.binaries.postgres / command[0]), *command[1:]],
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        cwd=folder,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", **(environment or {})},
        input=told,
        stdout=subprocess.PIPE,
        # A server that runs alone says there what it refuses.
        stderr=subprocess.STDOUT if "--single" in command else subprocess.PIPE,
        text=True,
        timeout=None if command[0] in _LONG else _SLOW_STEP_S,
        check=False,
    )
    if done.returncode != 0:
        raise failure(command[0], done.stderr or done.stdout, folder=folder)
    return done.stdout


def alone(context: Context, data: Path, *, database: str, statements: str = "") -> None:
    """Bring the stopped server with data folder `data` to a clean stop, and run `statements` there.

    Args:
        context: The stack.
        data: The data folder; if its server was killed, it recovers now.
        database: Where the statements run.
        statements: Plain SQL of a superuser, each statement ended by a semicolon and an empty line.

    Raises:
        StackError: The server does not start or refuses a statement.
    """
    base = data.parent
    options = ("--single", "-j", "-F", "-D", str(data), "-c", f"config_file={base}/postgresql.conf")
    said = run(context, ["postgres", *options, database], folder=base, told=statements)
    # It goes on after a refused statement, and ends as if nothing had been.
    if _REFUSED.search(said):
        raise failure("postgres", said, folder=base)


def failure(program: str, output: str, *, folder: Path) -> StackError:
    """Return why `program`, which works in `folder` and said `output`, failed."""
    # Some programs fail of a full disk without naming it.
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE or any(sign in output for sign in _DISK_FULL):
        return StackError("The disk is full: free some space, then run the same again.")
    said = [line for line in output.splitlines() if _TELLING.search(line)] or output.splitlines()
    return StackError(f"{program} failed: {said[0] if said else 'no output'}")
