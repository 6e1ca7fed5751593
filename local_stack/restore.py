"""Puts a back-up in place of a stopped stack's data; what was there is set aside, not removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local_stack import (
    backup,
    contexts,
    credentials,
    data_folders,
    files,
    postgres,
    queue_files,
)
from local_stack import state as states
from local_stack.backup import Note
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.postgres_programs import alone
from local_stack.supervisor import Supervisor

PARTS = (backup.DATABASE, backup.QUEUE, backup.SECRETS)
# Offsets that were handed out after the back-up mean nothing now; tokens name their epoch. And a
# Redis that went back does not list the sessions that ended since: it is told anew in each epoch.
_NEXT_EPOCH = "UPDATE event_log.queue_epoch SET epoch = epoch + 1;"


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Restored:
    """When the back-up was made (UTC), and the folders of what it replaced."""

    made_at: str
    set_aside: list[Path]


def restore(
    environ: Mapping[str, str],
    source: Path,
    report: _Reporter,
    *,
    parts: Collection[str],
    history_sql: str,
) -> Restored:
    """Restore `parts` of the back-up in `source` into the stopped stack that `environ` names.

    Args:
        environ: The user's environment; a stack that is not there is made.
        source: The back-up's folder.
        report: Is told what happens.
        parts: Which of `PARTS`; the others stay as they are.
        history_sql: What a superuser runs in the database after it went back, as plain SQL.

    Raises:
        StackError: It runs, or the back-up is damaged, or does not fit; nothing was changed.
    """
    note = Note.read(source)
    _check_fits(environ, note)
    folder = states.enter(environ)
    with states.locked(folder, report.step):
        partitions = {"MESSAGING_EVENT_PARTITIONS": str(note.event_partitions)}
        state = states.make(folder, {**environ, **partitions})
        if Supervisor(state).runs():
            raise StackError("The stack runs: run messaging down first.")
        context = contexts.of(state, None)
        report.step("Verifying the back-up")
        backup.verify(context, source)
        aside: list[Path | None] = []
        if backup.SECRETS in parts:
            aside.append(_restore_secrets(context, source))
        state.credentials.make()
        if backup.DATABASE in parts:
            report.step("Restoring the database")
            epoch = _NEXT_EPOCH if backup.QUEUE in parts else ""
            aside += _restore_database(context, source, _statements(context, history_sql, epoch))
        if backup.QUEUE in parts:
            report.step("Restoring the queue")
            if backup.DATABASE not in parts:
                _raise_epoch(context)
            aside.append(_restore_queue(context, source))
    return Restored(made_at=note.made_at, set_aside=[path for path in aside if path])


def _check_fits(environ: Mapping[str, str], note: Note) -> None:
    present = states.look(environ)
    if present and present.record.event_partitions != note.event_partitions:
        raise StackError(
            f"The back-up has {note.event_partitions} partitions, the stack"
            f" {present.record.event_partitions}: restore it into another MESSAGING_STATE."
        )


def _statements(context: Context, history_sql: str, epoch: str) -> str:
    # The secrets may be others than those of the stack that was backed up; `up` logs in by this
    # one and sets the others.
    password = credentials.read(context.credentials.database("postgres")).replace("'", "''")
    ours = f"ALTER ROLE postgres PASSWORD '{password}';"
    return "".join(f"{statement.strip()}\n\n" for statement in (ours, history_sql, epoch))


def _restore_secrets(context: Context, source: Path) -> Path | None:
    found = source / backup.SECRETS
    if not found.is_dir():
        raise StackError(f"{source} holds no secrets: restore without --with-secrets.")
    secrets = context.state.folder / "secrets"
    aside = data_folders.set_aside(secrets)
    shutil.copytree(found, secrets)
    return aside


def _restore_database(context: Context, source: Path, statements: str) -> list[Path | None]:
    base = postgres.make_folder(context)
    unfinished = files.unfinished(base / data_folders.PRIMARY)
    _copy(context, source / backup.DATABASE, unfinished)
    # It recovers to where the back-up ended: proof that it can be started.
    alone(context, unfinished, database=postgres.DATABASE, statements=statements)
    data_folders.end_promotion(base)
    # A standby of the data that are replaced could not follow those that replace them.
    names = (data_folders.PRIMARY, data_folders.STANDBY)
    replaced = [*(base / name for name in names), *data_folders.replaced(base)]
    aside = [data_folders.set_aside(path) for path in replaced]
    unfinished.rename(base / data_folders.PRIMARY)
    return aside


def _raise_epoch(context: Context) -> None:
    data = postgres.folder(context) / data_folders.PRIMARY
    if data.exists():
        alone(context, data, database=postgres.DATABASE, statements=f"{_NEXT_EPOCH}\n\n")


def _restore_queue(context: Context, source: Path) -> Path | None:
    base = files.folder(context.state.servers / "redis", owner=context.account)
    unfinished = files.unfinished(base / queue_files.FOLDER)
    _copy(context, source / backup.QUEUE, unfinished)
    aside = data_folders.set_aside(base / queue_files.FOLDER)
    unfinished.rename(base / queue_files.FOLDER)
    return aside


def _copy(context: Context, source: Path, target: Path) -> None:
    """Copy a folder so that it belongs to the servers' user, and is on disk."""
    shutil.copytree(source, target)
    if context.account is not None:
        for folder, _, names in os.walk(target):
            for path in (Path(folder), *(Path(folder) / name for name in names)):
                os.chown(path, context.account.uid, context.account.gid)
    os.sync()
