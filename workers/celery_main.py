"""The edge of the worker, beat and Flower processes: `celery -A workers.celery_main …`."""

from __future__ import annotations

from typing import Any

from celery import Celery, signals

from events.celery_app import create_celery
from runtime.clock import utc_now
from runtime.exposition import serve
from runtime.logging import configure
from runtime.meters import begin
from runtime.settings import BrokerSettings, QueueSettings, Reader, ServiceSettings
from workers import alive
from workers.context import WorkerContext
from workers.segments import looks
from workers.tasks import register


@signals.setup_logging.connect
def _log_our_way(**_arguments: Any) -> None:
    configure(ServiceSettings.read(Reader()))


def create_app() -> Celery:
    """Return the Celery application of this process, made from its environment."""
    reader = Reader()
    queue = QueueSettings.read(reader)
    application = create_celery(BrokerSettings.read(reader), partitions=queue.partitions)
    context = WorkerContext(reader, queue, clock=utc_now)
    register(application, context)
    # A worker's process alone sends this signal: beat and Flower measure nothing.
    signals.worker_init.connect(lambda **_: _measure(reader, context), weak=False)
    alive_file = reader.path("MESSAGING_ALIVE_FILE")
    if alive_file is not None:
        alive.show(alive_file)
    return application


def _measure(reader: Reader, context: WorkerContext) -> None:
    begin("messaging_appends_total", "messaging_projection_retries_total")
    serve(reader, looks(context))


app = create_app()
