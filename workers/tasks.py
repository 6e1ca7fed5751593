"""The Celery tasks: thin; what they do is in the projector and the sweep."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from celery import Celery

from events.celery_app import PROJECT, SWEEP, SWEEP_QUEUE, wake_projector
from runtime.ids import Partition
from workers.context import WorkerContext
from workers.sweep import sweep

_SWEEP_EVERY_S = 1.0


def register(app: Celery, context: WorkerContext) -> None:
    """Give `app` the tasks `project` and `sweep`, and the schedule of the sweep."""

    @app.task(name=PROJECT, ignore_result=True)
    def project(partition: int, _rung_by: str | None = None) -> dict[str, Any]:
        """Apply what is queued in `partition`; Flower shows the answer and the event that rang."""
        connections = context.connections
        drained = connections.projector.drain(Partition(partition))
        if drained.lag_events and not drained.busy and connections.queue.ring(drained.partition):
            wake_projector(app, drained.partition, None)
        return asdict(drained)

    @app.task(name=SWEEP, ignore_result=True)
    def sweep_all() -> dict[str, Any]:
        """Ring, open and trim queues, carry erasures on, restore the list of ended sessions."""
        connections = context.connections
        swept = sweep(
            connections.queue,
            connections.engine,
            clock=context.clock,
            retention_seconds=context.queue_settings.retention_seconds,
            wake=lambda partition: wake_projector(app, partition, None),
        )
        # After it has opened a lost queue: what counts is the present epoch.
        restored = connections.ended_sessions.restore(connections.queue.epoch())
        return asdict(swept) | {"ended_sessions_restored": restored}

    app.conf.beat_schedule = {
        SWEEP: {
            "task": SWEEP,
            "schedule": _SWEEP_EVERY_S,
            # A sweep that could not start in time is superseded by the next.
            "options": {"queue": SWEEP_QUEUE, "expires": 5, "retry": False},
        }
    }
