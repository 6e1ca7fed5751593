"""Gives back the shared memory that a killed server left: the kernel keeps it until then.

System V segments outlive their processes. PGPool's are never found again by its next life.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

_SEGMENTS = Path("/proc/sysvipc/shm")
_IPC_RMID = 0


def release(creator: int) -> int:
    """Remove the segments that the process `creator`, which is gone, made and nobody uses.

    Returns:
        How many there were. Another user's are left alone, as the kernel demands.
    """
    libc = ctypes.CDLL(None)
    return sum(libc.shmctl(segment, _IPC_RMID, None) == 0 for segment in _unused(creator))


def _unused(creator: int) -> Iterator[int]:
    try:
        names, *rows = (line.split() for line in _SEGMENTS.read_text().splitlines())
    except (OSError, ValueError):
        return  # A kernel without them.
    for row in rows:
        segment = dict(zip(names, row, strict=True))
        # Who made it may have given its number to another since: then somebody is attached.
        if int(segment["cpid"]) == creator and int(segment["nattch"]) == 0:
            yield int(segment["shmid"])
