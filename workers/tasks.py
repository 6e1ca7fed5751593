"""The Celery tasks: thin; what they do is in the projector, the sweep and the canaries."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from celery import Celery

from events.celery_app import CANARY, PROJECT, SWEEP, SWEEP_QUEUE, wake_projector
from runtime.ids import Partition
from runtime.meters import count
from workers import canaries
from workers.context import WorkerContext
from workers.measures import counting_retries
from workers.sweep import sweep

_SWEEP_EVERY_S = 1.0
# Beat then sends the first canary at once, not after the first interval.
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def register(app: Celery, context: WorkerContext, *, canary_seconds: int) -> None:
    """Give `app` the tasks `project`, `sweep` and `canary`, and the schedule of the last two.

    Args:
        app: The application of a worker, beat or Flower.
        context: What the tasks work with.
        canary_seconds: Between two canaries; 0: none are sent.
    """

    def wake(partition: Partition) -> None:
        wake_projector(app, partition, None)

    @app.task(name=PROJECT, ignore_result=True)
    def project(partition: int, _rung_by: str | None = None) -> dict[str, Any]:
        """Apply what is queued in `partition`; Flower shows the answer and the event that rang."""
        count("messaging_deliveries_total", "project")
        connections = context.connections
        with counting_retries():
            drained = connections.projector.drain(Partition(partition))
        if drained.lag_events and not drained.busy and connections.queue.ring(drained.partition):
            wake(drained.partition)
        return asdict(drained)

    @app.task(name=SWEEP, ignore_result=True)
    def sweep_all() -> dict[str, Any]:
        """Ring, open and trim queues, carry erasures on, restore the list of ended sessions."""
        count("messaging_deliveries_total", "sweep")
        connections = context.connections
        swept = sweep(
            connections.queue,
            connections.engine,
            clock=context.clock,
            retention_seconds=context.settings.retention_seconds,
            wake=wake,
        )
        # After it has opened a lost queue: what counts is the present epoch.
        restored = connections.ended_sessions.restore(connections.queue.epoch())
        return asdict(swept) | {"ended_sessions_restored": restored}

    @app.task(name=CANARY, ignore_result=True)
    def send_canaries() -> int:
        """Send a canary through each partition whose last one arrived."""
        count("messaging_deliveries_total", "canary")
        connections = context.connections
        return canaries.send(connections.queue, connections.engine, clock=context.clock, wake=wake)

    canary = {CANARY: _regularly(CANARY, canary_seconds) | {"last_run_at": _LONG_AGO}}
    app.conf.beat_schedule = {
        SWEEP: _regularly(SWEEP, _SWEEP_EVERY_S),
        **(canary if canary_seconds else {}),
    }


def _regularly(task: str, seconds: float) -> dict[str, Any]:
    return {
        "task": task,
        "schedule": seconds,
        # One that could not start in time is superseded by the next.
        "options": {"queue": SWEEP_QUEUE, "expires": 5, "retry": False},
    }
