"""The projection workers and the beat that sweeps: Celery processes."""

from __future__ import annotations

import sys

from local_stack import environments
from local_stack.context import Context
from local_stack.service import Service

_WORKERS = ("worker-1", "worker-2")


def services(context: Context) -> list[Service]:
    """Return the workers and beat as services."""
    return [
        *(_celery(context, name, "worker", *_worker_options(name)) for name in _WORKERS),
        # In memory: its few entries are in the code, and a schedule file would outlive a change.
        _celery(context, "beat", "beat", "-S", "celery.beat.Scheduler", "--pidfile="),
    ]


def _worker_options(name: str) -> tuple[str, ...]:
    # A thread for each partition: most of them wait for entries, the database or Redis.
    threads = ("--pool=threads", "--concurrency=16")
    return ("-E", "-n", f"{name}@%h", *threads, "--without-gossip", "--without-mingle")


def _celery(context: Context, name: str, *arguments: str) -> Service:
    command = (sys.executable, "-P", "-m", "celery", "-A", "workers.celery_main", *arguments)
    return Service(
        name=name,
        wave=4,
        command=command,
        folder=context.state.run,
        environment=environments.of_worker(context, name),
        # A warm shutdown ends the transaction at hand first.
        stop_seconds=30,
    )
