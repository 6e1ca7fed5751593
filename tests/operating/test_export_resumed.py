"""`messaging events export`, stopped and gone on with: whole partitions, each of one moment."""

from __future__ import annotations

import gzip
import json
import os
import signal
from pathlib import Path
from typing import IO, Any, cast

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from events import selection
from events.archive_part import read
from events.selection import Logged, Selection
from local_stack.state import State
from tests.operating.conftest import events, told
from tests.operating.test_archive import contents, make_history
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.test_projector import Pair


@pytest.fixture
def history(harness: Harness, superuser: Engine, stack_of_servers: State) -> list[Pair]:
    return make_history(harness, superuser)


def stopped(file: Path, *options: str) -> str:
    """Begin an export, press Ctrl-C while it reads partition 2, and return what it said.

    A command of its own would have to be caught at the right moment, and be slow enough for that.
    """

    def interrupted(connection: Connection, chosen: Selection, **page: Any) -> list[Logged]:
        if chosen.partitions == (2,):
            os.kill(os.getpid(), signal.SIGINT)
        return selection.events(connection, chosen, **page)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cli.events.export.events", interrupted)
        result = events("export", str(file), *options)
    assert result.exit_code == 130, result.output
    assert not file.exists()
    return result.stderr


def refusal(*arguments: str) -> str:
    result = events(*arguments)
    assert result.exit_code == 1
    return str(result.exception)


def of(partition: int, rows: list[Any]) -> list[Any]:
    return [row for row in rows if row[0] == partition]


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_an_export_that_was_stopped_goes_on_and_can_be_imported(
    harness: Harness,
    history: list[Pair],
    tmp_path: Path,
    name: str,
    request: pytest.FixtureRequest,
) -> None:
    file, part = tmp_path / name, tmp_path / f"{name}.part"
    is_plain = file.suffix != ".gz"
    said = stopped(file)
    assert f"{part} holds what is whole: go on with --resume." in said
    assert part.stat().st_mode & 0o077 == 0
    before = contents(harness.engine)
    for _ in range(20):
        harness.append(Pair(harness).sent("later"))
    harness.drain_all()
    told("dead-letters", "retry", "--conversation", str(history[1].conversation))
    later = contents(harness.engine)
    with part.open("rb") as plain, gzip.open(part) as zipped:
        at = read(plain if is_plain else cast("IO[bytes]", zipped)).partition
    assert at == 2

    assert events("export", str(file), "--resume").exit_code == 0
    assert not part.exists()
    empty: Harness = request.getfixturevalue("empty")
    told("import", str(file), "--yes")
    after = contents(empty.engine)
    for table in ("event_log.event", "event_log.dead_letter"):
        for partition in range(SETTINGS.partitions):
            wanted = before if partition < at else later
            assert of(partition, after[table]) == of(partition, wanted[table])
    assert events("verify").exit_code == 0


def test_a_selection_goes_on_by_its_filters(
    harness: Harness, history: list[Pair], tmp_path: Path
) -> None:
    filters = ("--type", "message.sent", "--since", "1h", "--outcome", "applied")
    whole = events("export", "-", *filters).stdout.splitlines()
    file = tmp_path / "log.jsonl"
    stopped(file, *filters)
    told_of = {"file": str(file), "events": len(whole) - 2, "complete": False}
    counted = told("export", str(file), "--resume", "--dry-run")
    assert counted == {**told_of, "dry_run": True, "dead_letters": None}
    assert not file.exists()
    assert told("export", str(file), "--resume") == {**told_of, "dry_run": False, "dead_letters": 0}
    assert file.read_text().splitlines()[1:-1] == whole[1:-1]
    begun, *_, ended = (json.loads(line)["data"] for line in file.read_text().splitlines())
    assert begun["events"] == ended["events"] == len(whole) - 2


def test_an_export_goes_on_with_its_own_alone(
    harness: Harness, history: list[Pair], tmp_path: Path
) -> None:
    file, part = tmp_path / "log.jsonl", tmp_path / "log.jsonl.part"
    assert "cannot be read" in refusal("export", str(file), "--resume")
    assert events("export", "-", "--resume").exit_code == 2
    assert events("export", str(file), "--resume", "--type", "message.sent").exit_code == 2
    stopped(file)
    assert "export that was stopped" in refusal("export", str(file))
    left = part.read_bytes()
    part.write_bytes(left.replace(b"message.sent.v1", b"message.sent.v2", 1))
    assert "damaged" in refusal("export", str(file), "--resume")
    part.write_bytes(left[: left.rindex(b'{"specversion')])
    assert "nothing that a stopped export" in refusal("export", str(file), "--resume")
    first, last = left.split(b"\n", 1)[0], left[left.rindex(b'{"specversion') :]
    for damage in (b"[]", b"1", b"\xff", b'{"outcome":"applied","partition":[]}', b"{}"):
        part.write_bytes(b"\n".join((first, damage, last)))
        assert "is damaged: remove it" in refusal("export", str(file), "--resume")
        part.write_bytes(b"\n".join((first, damage)))
        refusal("export", str(file), "--resume")
    part.unlink()
    (tmp_path / "elsewhere").write_bytes(left)
    part.symlink_to(tmp_path / "elsewhere")
    assert "cannot be read" in refusal("export", str(file), "--resume")
    part.unlink()
    part.write_bytes(left)
    assert "was stopped" in refusal("import", str(part), "--yes")
    assert not file.exists()


def test_a_database_that_fails_at_once_leaves_what_there_is(
    history: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, part = tmp_path / "log.jsonl", tmp_path / "log.jsonl.part"
    stopped(file)
    before = part.read_bytes()

    def lost(_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("the server is gone"))

    with monkeypatch.context() as patched:
        patched.setattr("events.checkpoints.read_all", lost)
        assert events("export", str(file), "--resume").exit_code == 1
    assert part.read_bytes() == before
    assert events("export", str(file), "--resume").exit_code == 0
