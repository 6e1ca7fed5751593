"""The commands of the runbooks about servers and back-ups, in the order of their pages."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.chat import Chat, chat
from tests.running_stack import MESSAGING, RunningStack, running_stack

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the pages use curl"),
]

_PAGES = Path(__file__).parents[2] / "docs/runbooks"
_BLOCK = re.compile(r"^( *)```bash\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_LOOK = re.compile(r"messaging (?:status|logs|stack show)")


@pytest.fixture(scope="module")
def sick() -> Iterator[RunningStack]:
    """A stack in which something is wrong; every page leaves it well."""
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def talk(sick: RunningStack) -> Iterator[Chat]:
    with chat(sick) as people:
        people.send(25)
        people.await_complete()
        yield people


def commands(page: str) -> list[str]:
    text = (_PAGES / page).read_text(encoding="utf-8")
    return [line.strip() for block in _BLOCK.finditer(text) for line in block[2].splitlines()]


def follow(page: str, stack: RunningStack, backups: Path) -> list[str]:
    """Run each command of `page`; what only looks may find something wrong."""
    ran = commands(page)
    for shown in ran:
        command = (
            shown.replace(".venv/bin/messaging", str(MESSAGING))
            .replace("http://127.0.0.1:8080", stack.url)
            .replace("/var/backups", str(backups))
        )
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=stack.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        good = {0, 1} if _LOOK.search(shown) else {0}
        assert done.returncode in good, f"{shown}\n{done.stdout}\n{done.stderr}"
    return ran


def is_well(stack: RunningStack, talk: Chat) -> bool:
    stack.wait_ready(60)
    talk.log_in_again()
    talk.send(5)
    talk.await_complete()
    return stack.messaging("stack", "show").returncode == 0


def test_a_lost_primary(sick: RunningStack, talk: Chat, tmp_path: Path) -> None:
    (sick.servers / "postgres/primary").rename(tmp_path / "lost")
    sick.kill("primary")
    assert len(follow("primary-lost.md", sick, tmp_path)) >= 8
    assert is_well(sick, talk)


def test_a_replica_that_lags(sick: RunningStack, talk: Chat, tmp_path: Path) -> None:
    (sick.servers / "postgres/replica").rename(tmp_path / "lost")
    sick.kill("replica")
    assert len(follow("replica-lags.md", sick, tmp_path)) >= 5
    assert is_well(sick, talk)


def test_back_up_and_restore(sick: RunningStack, talk: Chat, tmp_path: Path) -> None:
    assert len(follow("backup-and-restore.md", sick, tmp_path)) >= 12
    assert is_well(sick, talk)
