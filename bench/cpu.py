"""Reads the CPU time of a service's processes."""

from __future__ import annotations

import psutil


def cpu_seconds(pid: int) -> float:
    """Return user and system CPU seconds of a process and its children, those alive."""
    master = psutil.Process(pid)
    return sum(_seconds(process) for process in (master, *master.children(recursive=True)))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
