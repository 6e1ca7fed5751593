"""Prints what measuring costs: microseconds of CPU for one observation, and for a whole request.

`python -m bench.meters`; it needs no stack. Values are kept as the APIs keep them, in files that
all processes of a service share, and as the workers do, in the process alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import click

from events.measures import measured
from runtime.meters import FOLDER, count, observe

_TIMES = 100_000


def _observe() -> None:
    observe("messaging_http_request_seconds", 0.003, "/command/v1/messages", "POST", "2xx")


def _count() -> None:
    count("messaging_appends_total", "replayed")


def _command() -> None:
    """All that is measured for one command."""
    with measured(["message.sent.v1"]) as measures:
        measures.outcome = "appended"
    _observe()


_CASES: dict[str, Callable[[], None]] = {
    "a counter": _count,
    "a histogram": _observe,
    "a command": _command,
}


def _microseconds(case: Callable[[], None]) -> float:
    case()
    started = time.process_time()
    for _ in range(_TIMES):
        case()
    return (time.process_time() - started) / _TIMES * 1_000_000


@click.command()
@click.option("--measure", is_flag=True, hidden=True)
def main(*, measure: bool) -> None:
    """Measure both ways, each in a process of its own, and print."""
    if measure:
        for name, case in _CASES.items():
            print(f"  {name}: {_microseconds(case):.2f} µs")
        return
    command = [sys.executable, "-m", "bench.meters", "--measure"]
    alone = {name: value for name, value in os.environ.items() if name != FOLDER}
    print("in files, as the APIs:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command, env={**alone, FOLDER: folder}, check=True)
    print("in the process, as the workers:", flush=True)
    subprocess.run(command, env=alone, check=True)


if __name__ == "__main__":
    main()
