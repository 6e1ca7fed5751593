"""`ops/pgpool/watch.sh`: frees a parent that waits for its PCP child, leaves others alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running_stack import wait_until

pytestmark = pytest.mark.unit

_WATCH = Path(__file__).parents[2] / "ops/pgpool/watch.sh"
# As PGPool is after the lost signal: it collects no other child before the one it waits for.
_PARENT = """
import os, subprocess, sys
pcp = subprocess.Popen(["pgpool: PCP: wait for connection request", "60"], executable="/bin/sleep")
others = [subprocess.Popen(["/bin/true"]) for _ in range(int(sys.argv[1]))]
for other in others:
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
print(pcp.pid, flush=True)
pcp.wait()
print("goes on", flush=True)
"""
# In place of sleep: notes that a look ended.
_SLEEP = """#!/bin/sh
echo >>"$LOOKS"
exec /bin/sleep 0.02
"""


@contextmanager
def _parent(ended: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _PARENT, str(ended)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        yield parent
        parent.kill()


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Have the script look at a process some times; what it said."""
    pid_file, said, looks = tmp_path / "pid", tmp_path / "said", tmp_path / "looks"
    looks.touch()
    sleep = tmp_path / "sleep"
    sleep.write_text(_SLEEP)
    sleep.chmod(0o700)
    environment = {"PATH": f"{tmp_path}:{os.defpath}", "LOOKS": str(looks)}
    with said.open("w") as output:
        watch = subprocess.Popen(["/bin/sh", _WATCH, pid_file], stdout=output, env=environment)

    def look(pid: str) -> str:
        pid_file.write_text(f"{pid}\n")
        before = looks.stat().st_size
        # The first may have begun before there was a pid.
        wait_until(lambda: looks.stat().st_size >= before + 4)
        assert watch.poll() is None
        return said.read_text()

    yield look
    watch.kill()
    watch.wait()


def _child(parent: subprocess.Popen[str]) -> int:
    assert parent.stdout is not None
    return int(parent.stdout.readline())


def test_a_parent_that_collects_nobody_is_freed(look: Callable[[str], str]) -> None:
    with _parent(ended=3) as parent:
        child = _child(parent)
        assert f"its PCP child {child}: told it again" in look(str(parent.pid))
        assert parent.stdout is not None
        assert parent.stdout.readline() == "goes on\n"


def test_a_parent_that_is_well_is_told_nothing(look: Callable[[str], str]) -> None:
    with _parent(ended=0) as parent:
        child = _child(parent)
        assert look(str(parent.pid)) == ""
        assert parent.poll() is None
        os.kill(child, 9)


@pytest.mark.parametrize("pid", ["", "no number", "999999999"])
def test_without_a_parent_it_waits(look: Callable[[str], str], pid: str) -> None:
    assert look(pid) == ""
