"""The queue's files are copied as of one moment, though the server may rewrite them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from local_stack import queue_files
from local_stack.errors import StackError

_MANIFEST = "appendonly.aof.manifest"


def write(folder: Path, sequence: int) -> None:
    """Leave in `folder` what a server leaves that has rewritten its files so often."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    base, increment = f"appendonly.aof.{sequence}.base.rdb", f"appendonly.aof.{sequence}.incr.aof"
    (folder / base).write_text(f"all up to {sequence}")
    (folder / increment).write_text(f"after {sequence}")
    lines = (f"file {base} seq {sequence} type b", f"file {increment} seq {sequence} type i")
    (folder / _MANIFEST).write_text("\n".join(lines) + "\n")


def test_the_copy_is_what_the_manifest_names(tmp_path: Path) -> None:
    write(tmp_path / "from", 3)
    (tmp_path / "from/appendonly.aof.2.incr.aof").write_text("forgotten")
    queue_files.copy(tmp_path / "from", tmp_path / "to")
    names = {_MANIFEST, "appendonly.aof.3.base.rdb", "appendonly.aof.3.incr.aof"}
    assert set(queue_files.digests(tmp_path / "to")) == names


@pytest.mark.parametrize("when", [0, 1, 2])
def test_files_that_were_rewritten_meanwhile_are_copied_again(
    when: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "from"
    write(source, 1)
    copied = 0
    copyfile = shutil.copyfile

    def rewritten_in_between(from_: Path, to: Path) -> Path:
        nonlocal copied
        if copied == when:
            write(source, 2)
        copied += 1
        return Path(copyfile(from_, to))

    monkeypatch.setattr(shutil, "copyfile", rewritten_in_between)
    queue_files.copy(source, tmp_path / "to")
    assert (tmp_path / "to" / _MANIFEST).exists()
    told = {path.read_text() for path in (tmp_path / "to").glob("*.[ar][od][fb]")}
    assert told in ({"all up to 1", "after 1"}, {"all up to 2", "after 2"})
    assert queue_files.digests(tmp_path / "to").keys() <= {
        _MANIFEST,
        *(f"appendonly.aof.{n}.{kind}" for n in (1, 2) for kind in ("base.rdb", "incr.aof")),
    }


def test_without_a_queue_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot be copied"):
        queue_files.copy(tmp_path / "from", tmp_path / "to")
