"""A back-up of a running stack: the database, then the queue, as one folder.

In this order the queue holds whatever the copy of the database lacks.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from local_stack import contexts, files, operating, postgres, queue_files
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.postgres_programs import run
from local_stack.supervisor import Supervisor

DATABASE = "database"
QUEUE = "queue"
SECRETS = "secrets"
_NOTE = "backup.json"
_FORM = 1
_POLL_S = 0.2
_PROGRESS = "SELECT phase, backup_streamed, backup_total FROM pg_stat_progress_basebackup"


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a back-up says of itself: `made_at` in UTC, the digests of the queue's files."""

    identity: str
    event_partitions: int
    made_at: str
    queue: dict[str, str]
    form: int = _FORM

    @classmethod
    def read(cls, folder: Path) -> Note:
        """Return the note of the back-up in `folder`.

        Raises:
            StackError: There is no whole back-up, or one of another form.
        """
        try:
            note = cls(**json.loads((folder / _NOTE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise StackError(f"{folder} holds no whole back-up: name one that does.") from None
        if note.form != _FORM:
            raise StackError(f"{folder} was made by another version of messaging: use that one.")
        return note


def backup(
    environ: Mapping[str, str], target: Path, report: _Reporter, *, with_secrets: bool
) -> Note:
    """Write a back-up of the running stack that `environ` names to the new folder `target`.

    Raises:
        StackError: It was not made, and `target` does not exist; the message says the mend.
    """
    state = operating.existing(environ)
    context = contexts.of(state, contexts.recorded_pgpool(state))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StackError(f"{target} exists: name a folder that does not, or is empty.")
    if not Supervisor(state).runs() or not postgres.serves(context, "primary"):
        raise StackError("The primary does not run: run messaging up first.")
    unfinished = files.unfinished(target)
    files.folder(unfinished)
    try:
        note = _fill(context, unfinished, report, with_secrets=with_secrets)
        os.sync()
        unfinished.replace(target)
    finally:
        files.remove_tree(unfinished)
    return note


def verify(context: Context, folder: Path) -> None:
    """Pass if the back-up's files are those that were written.

    Raises:
        StackError: They are not.
    """
    _database_is_whole(context, folder)
    if queue_files.digests(folder / QUEUE) != Note.read(folder).queue:
        raise StackError(f"The queue's files in {folder} were changed: use another back-up.")


def _fill(context: Context, folder: Path, report: _Reporter, *, with_secrets: bool) -> Note:
    made_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    _copy_database(context, folder / DATABASE, report)
    report.step("Copying the queue")
    queue_files.copy(context.state.servers / "redis" / queue_files.FOLDER, folder / QUEUE)
    if with_secrets:
        shutil.copytree(context.state.folder / "secrets", folder / SECRETS)
    report.step("Verifying the copy of the database")
    _database_is_whole(context, folder)
    note = Note(
        identity=context.state.record.identity,
        event_partitions=context.state.record.event_partitions,
        made_at=made_at,
        queue=queue_files.digests(folder / QUEUE),
    )
    files.write(folder / _NOTE, json.dumps(asdict(note), indent=2) + "\n")
    return note


def _copy_database(context: Context, target: Path, report: _Reporter) -> None:
    source = f"host=127.0.0.1 port={context.port('primary')} user=replicator"
    command = [
        *("pg_basebackup", "-D", str(target), "-X", "stream", "-c", "fast", "--no-password"),
        *("-d", f"{source} application_name=messaging-backup"),
    ]
    with ThreadPoolExecutor(1) as pool:
        copying = pool.submit(
            run,
            context,
            command,
            folder=target.parent,
            environment={"PGPASSFILE": str(postgres.passfile(context))},
            as_invoker=True,
        )
        _tell_progress(context, copying, report)
        copying.result()


def _tell_progress(context: Context, copying: Future[str], report: _Reporter) -> None:
    report.step("Copying the database")
    with postgres.superuser(context, "postgres") as cursor:
        while not copying.done():
            cursor.execute(_PROGRESS)
            row = cursor.fetchone()
            if row and row[2]:
                report.step(f"Copying the database: {100 * row[1] // row[2]} %")
            time.sleep(_POLL_S)


def _database_is_whole(context: Context, folder: Path) -> None:
    command = ["pg_verifybackup", "--exit-on-error", "--quiet", str(folder / DATABASE)]
    try:
        run(context, command, folder=folder, as_invoker=True)
    except StackError as error:
        raise StackError(f"The copy in {folder} is damaged, use another: {error}") from error
