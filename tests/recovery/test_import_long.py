"""The runbook about exports, followed from one stack to another; `make test-long`."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from tests.recovery.chat import chat
from tests.recovery.pages import Page
from tests.running_stack import MESSAGING, RunningStack, running_stack

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1200)]


def cut_off(stack: RunningStack, export: Path) -> None:
    """Import an export through a pipe that breaks in the midst of it."""
    lines = gzip.decompress(export.read_bytes()).splitlines(keepends=True)
    imported = subprocess.run(
        [str(MESSAGING), "events", "import", "-", "--yes"],
        env=stack.environ,
        input=b"".join(lines[: len(lines) // 2]),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (imported.returncode, b"cut off" in imported.stderr) == (1, True)


def test_an_import_that_cannot_be_completed_is_begun_anew_in_an_empty_service(
    tmp_path: Path,
) -> None:
    first = tmp_path / "first.jsonl.gz"
    with running_stack() as old:
        page = Page("export-and-import.md", old, tmp_path)
        with chat(old) as talk:
            talk.send(50)
            talk.await_complete()
        assert old.messaging("events", "export", str(first)).returncode == 0
        page.next("export")
    with running_stack() as new, chat(new, people=2) as newcomers:
        page.next("backup", on=new)
        cut_off(new, first)
        # Another export than the one that was begun with.
        assert "events of its own" in page.next("import", on=new, code=1)
        for command in ("down", "restore", "up"):
            page.next(command, on=new)
        new.wait_ready(90)
        assert "Restored 200 events" in page.next("import", on=new)
        page.next("verify", on=new)
        assert "paused by" not in page.next("queues", on=new)
        page.end()
        newcomers.log_in_again()
        newcomers.send(3)
        newcomers.await_complete()
