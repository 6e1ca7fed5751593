"""The edge of the worker, beat and Flower processes: `celery -A workers.celery_main …`."""

from __future__ import annotations

from celery import Celery, signals

from events.celery_app import create_celery
from runtime.clock import utc_now
from runtime.errors import SettingsError
from runtime.exposition import serve
from runtime.logging import configure
from runtime.meters import begin
from runtime.settings import Reader
from workers import alive
from workers.context import WorkerContext
from workers.segments import looks
from workers.settings import CelerySettings
from workers.tasks import register


def create_app() -> Celery:
    """Return the Celery application of this process, made from its environment."""
    reader = Reader()
    settings = CelerySettings.read(reader)
    signals.setup_logging.connect(lambda **_: configure(settings.service), weak=False)
    application = create_celery(settings.broker, partitions=settings.partitions)
    context = WorkerContext(reader, clock=utc_now)
    register(application, context, canary_seconds=settings.canary_seconds)
    # A worker's process alone sends this signal: beat and Flower measure nothing.
    signals.worker_init.connect(lambda **_: _begin_worker(context), weak=False)
    if settings.alive_file is not None:
        alive.show(settings.alive_file)
    return application


def _begin_worker(context: WorkerContext) -> None:
    try:
        settings = context.settings
    except SettingsError as error:
        # Celery logs what a receiver of its signals raises, and goes on without.
        raise SystemExit(str(error)) from error
    begin("messaging_appends_total", "messaging_projection_retries_total")
    serve(settings.metrics, looks(context))


app = create_app()
