"""What Linux tells about running processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process that runs, as it was when looked at; `started` is in clock ticks since boot."""

    pid: int
    group: int
    session: int
    started: int


def boot() -> str:
    """Return what tells this boot of the machine from every other."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def find(pid: int) -> Process | None:
    """Return the process `pid`, or None where there is none or only its zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program's name, in parentheses, may itself hold spaces and parentheses.
    fields = stat[stat.rindex(")") + 2 :].split()
    if fields[0] in "ZX":
        return None
    return Process(pid=pid, group=int(fields[2]), session=int(fields[3]), started=int(fields[19]))


def every() -> Iterator[Process]:
    """Yield every process that runs."""
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (process := find(int(entry.name))):
            yield process


def works_in(pid: int) -> str | None:
    """Return the folder in which `pid` works, or None where that may not be known."""
    try:
        return str((_PROC / str(pid) / "cwd").readlink())
    except OSError:
        return None


def executable(pid: int) -> str | None:
    """Return the program that `pid` runs, or None where that may not be known."""
    try:
        target = str((_PROC / str(pid) / "exe").readlink())
    except OSError:
        return None
    return target.removesuffix(" (deleted)")
