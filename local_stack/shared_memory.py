"""System V shared memory, which outlives who made it: a killed PGPool leaves its own behind."""

from __future__ import annotations

import ctypes
from pathlib import Path

from local_stack import processes

_TABLE = Path("/proc/sysvipc/shm")
_IPC_PRIVATE = 0
_IPC_RMID = 0


def remove_of(maker: int) -> int:
    """Remove what the process `maker`, which is gone, made for itself and nobody uses any more.

    Returns:
        How many segments that were; those of another user are left where we may not.
    """
    if processes.find(maker) is not None:
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    return sum(libc.shmctl(segment, _IPC_RMID, None) == 0 for segment in _left_by(maker))


def _left_by(maker: int) -> list[int]:
    """Return the private segments that `maker` made and to which no process is attached."""
    try:
        lines = _TABLE.read_text().splitlines()
    except OSError:
        return []
    names = lines[0].split()
    rows = [dict(zip(names, map(int, line.split()), strict=True)) for line in lines[1:]]
    return [
        row["shmid"]
        for row in rows
        if row["cpid"] == maker and row["nattch"] == 0 and row["key"] == _IPC_PRIVATE
    ]
