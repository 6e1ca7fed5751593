"""`python -m local_stack.launch PLAN`: becomes one server, cleanly.

Supervisor starts every program through this. It ends what an earlier life of the service left
behind, waits for the ports that the service needs, switches the user, arranges that the service
stops when supervisor dies, and only then becomes the server's own process.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from local_stack import leftovers, processes

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.1
_SAY_EVERY_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to start one service; written as JSON so that no value needs quoting."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    # Where the process group is remembered.
    memory: str
    stop_signal: str
    stop_seconds: float
    # User and group to switch to; none: stay.
    uid: int | None = None
    gid: int | None = None
    waits_for: list[int] = field(default_factory=list)
    pid_file: str | None = None
    sockets: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Return the plan written at `path`."""
        return cls(**json.loads(path.read_text()))


def main() -> None:
    """Carry out the plan named by the only argument; does not return."""
    plan = Plan.read(Path(sys.argv[1]))
    parent = os.getppid()
    _die_with(parent, "TERM")
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    _clear(plan)
    _remember(plan)
    _wait_for_ports(plan.waits_for)
    if plan.uid is not None and plan.gid is not None:
        _become(plan.uid, plan.gid)
    # Only now: the kernel forgets this at a change of user.
    _die_with(parent, plan.stop_signal)
    os.umask(0o077)
    os.chdir(plan.folder)
    os.execve(_program(plan), plan.command, plan.environment)


def _program(plan: Plan) -> str:
    found = shutil.which(plan.command[0])
    if found is None:
        sys.exit(f"{plan.command[0]} is missing: run scripts/set-up, then messaging up.")
    return found


def _die_with(parent: int, name: str) -> None:
    """Ask the kernel for signal `name` when our parent dies, even by kill -9."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = int(signal.Signals[f"SIG{name}"])
    if libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("The supervisor is gone.")


def _clear(plan: Plan) -> None:
    leftovers.end(Path(plan.memory))
    if plan.pid_file is not None:
        _clear_pid_file(Path(plan.pid_file), plan)
    for name in plan.sockets:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def _clear_pid_file(path: Path, plan: Plan) -> None:
    """Remove a pid file whose process is gone or was never ours; end one that is ours.

    Its number may have been given to somebody else, even to the same server of another stack: ours
    runs the same program in the same folder.
    """
    try:
        pid = int(path.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        pid = 0
    program = os.path.realpath(_program(plan))

    def left() -> list[int]:
        if not pid or processes.find(pid) is None or processes.executable(pid) != program:
            return []
        return [pid] if processes.works_in(pid) == os.path.realpath(plan.folder) else []

    leftovers.end_all(left(), left, stop_signal=plan.stop_signal, grace=plan.stop_seconds)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _remember(plan: Plan) -> None:
    group = leftovers.of_this_process(
        [sys.executable, _program(plan)],
        stop_signal=plan.stop_signal,
        stop_seconds=plan.stop_seconds,
    )
    leftovers.remember(Path(plan.memory), group)


def _wait_for_ports(ports: Iterable[int]) -> None:
    said = time.monotonic()
    for port in ports:
        while not _answers(port):
            if time.monotonic() - said > _SAY_EVERY_S:
                sys.stderr.write(f"waiting for 127.0.0.1:{port}\n")
                sys.stderr.flush()
                said = time.monotonic()
            time.sleep(_POLL_S)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _become(uid: int, gid: int) -> None:
    # A server that opens /dev/stdout by name may do so only as the owner of the pipe behind it.
    for descriptor in (1, 2):
        os.fchown(descriptor, uid, gid)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


if __name__ == "__main__":
    main()
