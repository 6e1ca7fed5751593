"""The projection workers and the beat that sweeps: Celery processes."""

from __future__ import annotations

import sys

from local_stack import environments
from local_stack.context import Context
from local_stack.service import Service

_WORKERS = ("worker-1", "worker-2")
_SCHEDULER = "celery.beat.Scheduler"
# A warm shutdown ends the transactions at hand first.
_WARM_S = 30


def services(context: Context) -> list[Service]:
    """Return the workers and beat as services."""
    return [
        *(_celery(context, name, "worker", *_worker_options(name)) for name in _WORKERS),
        # In memory: its few entries are in the code, and a schedule file would outlive a change.
        # A stop in the middle of its sending is lost by Celery; it holds nothing, so it may be
        # killed soon.
        _celery(context, "beat", "beat", "-S", _SCHEDULER, "--pidfile=", stop_seconds=3),
    ]


def _worker_options(name: str) -> tuple[str, ...]:
    # A thread for each partition: most of them wait for entries, the database or Redis.
    threads = ("--pool=threads", "--concurrency=16")
    return ("-E", "-n", f"{name}@%h", *threads, "--without-gossip", "--without-mingle")


def _celery(context: Context, name: str, *arguments: str, stop_seconds: int = _WARM_S) -> Service:
    command = (sys.executable, "-P", "-m", "celery", "-A", "workers.celery_main", *arguments)
    return Service(
        name=name,
        wave=4,
        command=command,
        folder=context.state.run,
        environment=environments.of_worker(context, name),
        stop_seconds=stop_seconds,
    )
