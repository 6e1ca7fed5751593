"""Signs of life of a worker or beat, for those who watch its container."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery import signals


def show(path: Path) -> None:
    """Touch `path` whenever the broker has taken something from this process.

    A worker sends a heartbeat every two seconds, beat a sweep every second; both stop at a broker
    that is away, and when the process hangs.
    """

    def touch(**_arguments: Any) -> None:
        path.touch()

    # Weak by default: nobody else holds the function.
    signals.heartbeat_sent.connect(touch, weak=False)
    signals.after_task_publish.connect(touch, weak=False)
