"""Remembers the process group of each service and ends what a killed one left behind.

`kill -9` of a server's parent leaves children that hold its port. They are told from other people's
processes by boot, process group, session, start time and program together.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from local_stack import processes, shared_memory
from local_stack.processes import Process

# A group whose leader is gone has nobody to finish for.
_ORPHANS_GRACE_S = 1.0
_KILL_GRACE_S = 5.0
_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Group:
    """A process group that was started for a service, as remembered on disk."""

    boot: str
    leader: int
    session: int
    started: int
    executables: list[str]
    stop_signal: str
    stop_seconds: float


def of_this_process(executables: Iterable[str], *, stop_signal: str, stop_seconds: float) -> Group:
    """Describe the group that this process leads and whose programs are `executables`."""
    me = processes.find(os.getpid())
    assert me is not None  # noqa: S101  # it is running these lines
    return Group(
        boot=processes.boot(),
        leader=me.pid,
        session=me.session,
        started=me.started,
        executables=[os.path.realpath(path) for path in executables],
        stop_signal=stop_signal,
        stop_seconds=stop_seconds,
    )


def remember(path: Path, group: Group) -> None:
    """Write `group` to `path`."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(group)))
    temporary.replace(path)


def recall(path: Path) -> Group | None:
    """Return the group remembered at `path`; an unreadable memory is none."""
    try:
        return Group(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def members(group: Group) -> list[Process]:
    """Return the processes of `group` that still run."""
    if group.boot != processes.boot():
        return []
    leader = processes.find(group.leader)
    if leader is not None and leader.started != group.started:
        return []  # The number has been given to somebody else since.
    return [
        process
        for process in processes.every()
        if process.group == group.leader
        and process.session == group.session
        and process.started >= group.started
        and processes.executable(process.pid) in group.executables
    ]


def end(path: Path) -> bool:
    """End what still runs of the group remembered at `path`, politely, then by force.

    Its shared memory is given back, too.

    Returns:
        Whether there was anything to end.
    """
    group = recall(path)
    if group is None or group.boot != processes.boot():
        return False
    left = members(group)
    if left:
        _end_group(group, left)
    shared_memory.release(group.leader)
    return bool(left)


def _end_group(group: Group, left: Sequence[Process]) -> None:
    led = any(process.pid == group.leader for process in left)
    # The leader tells its children itself; without one each must be told.
    told = [group.leader] if led else [process.pid for process in left]
    end_all(
        told,
        lambda: [process.pid for process in members(group)],
        stop_signal=group.stop_signal,
        grace=group.stop_seconds if led else _ORPHANS_GRACE_S,
    )


def end_all(
    told: Sequence[int], left: Callable[[], Sequence[int]], *, stop_signal: str, grace: float
) -> None:
    """Send `stop_signal` to `told`, and SIGKILL to all that `left` still names after `grace`."""
    _signal(told, signal.Signals[f"SIG{stop_signal}"])
    if not _gone(left, grace):
        _signal(left(), signal.SIGKILL)
        _gone(left, _KILL_GRACE_S)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _gone(left: Callable[[], Sequence[int]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while left():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
