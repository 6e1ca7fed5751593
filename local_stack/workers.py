"""The projection workers and the beat that sweeps: Celery processes."""

from __future__ import annotations

import sys

from local_stack import environments
from local_stack.context import Context
from local_stack.service import Service

_CELERY = (sys.executable, "-P", "-m", "celery", "-A", "workers.celery_main")
_WORKERS = ("worker-1", "worker-2")
_SCHEDULER = "celery.beat.Scheduler"
# A warm shutdown ends the transactions at hand first.
_WARM_S = 30


def services(context: Context) -> list[Service]:
    """Return the workers and beat as services."""
    return [
        *(_worker(context, name) for name in _WORKERS),
        # In memory: its few entries are in the code, and a schedule file would outlive a change.
        # A stop in the middle of its sending is lost by Celery; it holds nothing, so it may be
        # killed soon.
        Service(
            name="beat",
            wave=4,
            command=(*_CELERY, "beat", "-S", _SCHEDULER, "--pidfile="),
            folder=context.state.run,
            environment=environments.of_beat(context),
            stop_seconds=3,
        ),
    ]


def _worker(context: Context, name: str) -> Service:
    # A thread for each partition: most of them wait for entries, the database or Redis.
    threads = ("--pool=threads", "--concurrency=16")
    options = ("-E", "-n", f"{name}@%h", *threads, "--without-gossip", "--without-mingle")
    return Service(
        name=name,
        wave=4,
        command=(*_CELERY, "worker", *options),
        folder=context.state.run,
        environment=environments.of_worker(context, name),
        stop_seconds=_WARM_S,
        # Of its metrics.
        port=context.port(name),
    )
