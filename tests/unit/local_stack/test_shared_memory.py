"""What a killed server made of shared memory goes; what somebody uses stays."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack import leftovers, processes, shared_memory
from local_stack.leftovers import Group

pytestmark = pytest.mark.unit

_MAKE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(os.getpid(), libc.shmget(0, 4096, 0o1600), flush=True)
"""


def made_and_left() -> tuple[int, int]:
    """Return the id of a process that is gone, and of the segment that it made."""
    made = subprocess.run([sys.executable, "-c", _MAKE], capture_output=True, text=True, check=True)
    pid, segment = map(int, made.stdout.split())
    assert segment >= 0
    return pid, segment


def exists(segment: int) -> bool:
    table = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return segment in {int(line.split()[1]) for line in table}


def test_what_a_killed_service_left_is_removed_with_its_group(tmp_path: Path) -> None:
    pid, segment = made_and_left()
    group = Group(
        boot=processes.boot(),
        leader=pid,
        session=pid,
        started=1,
        executables=[],
        stop_signal="TERM",
        stop_seconds=1,
    )
    leftovers.remember(tmp_path / "group", group)
    assert leftovers.end(tmp_path / "group") is False
    assert not exists(segment)


def test_what_somebody_is_attached_to_stays() -> None:
    pid, segment = made_and_left()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(segment, None, 0)
    assert shared_memory.remove_of(pid) == 0
    assert exists(segment)
    libc.shmdt(ctypes.c_void_p(address))
    assert shared_memory.remove_of(pid) == 1
    assert not exists(segment)


def test_nothing_is_taken_from_a_process_that_runs() -> None:
    pid, segment = made_and_left()
    # Process 1 made nothing; that it runs is all that matters here.
    assert shared_memory.remove_of(1) == 0
    assert shared_memory.remove_of(pid) == 1
    assert not exists(segment)
