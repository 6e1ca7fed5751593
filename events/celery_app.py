"""The Celery application by which projectors are woken, scheduled and watched.

Celery carries no event: a lost or repeated delivery costs at most the time until the next sweep.
"""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import quote, urlencode

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection, Queue
from kombu.exceptions import OperationalError

from runtime.ids import EventId, Partition
from runtime.logging import get_logger
from runtime.redis_address import RedisAddress
from runtime.settings import BrokerSettings

PROJECT = "project"
SWEEP = "sweep"
CANARY = "canary"
# Of all that beat asks for.
SWEEP_QUEUE = "sweeps"
_log = get_logger(__name__)


class _EagerConnection(Connection):
    """Tries a lost broker again every second, where kombu would come to wait for 30.

    Celery offers no setting for it, but lets an application name its connection's class.
    """

    def ensure_connection(self, *arguments: Any, **named: Any) -> Self:
        pace = {"interval_start": 0.5, "interval_step": 0.25, "interval_max": 1.0}
        super().ensure_connection(*arguments, **{**pace, **named})
        return self


class _Amqp(AMQP):
    Connection = _EagerConnection


def create_celery(broker: BrokerSettings, *, partitions: int) -> Celery:
    """Return the application, with a Celery queue for each partition; it connects when used."""
    address = RedisAddress.parse(broker.url)
    app = Celery("messaging", amqp=_Amqp)
    app.conf.update(
        broker_url=_with_password(broker, address),
        # Flower's own connection goes by this alone.
        broker_use_ssl=address.tls_options or False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            # One list for each queue instead of one for each of ten priorities.
            "priority_steps": [0],
            "queue_order_strategy": "round_robin",
            "socket_timeout": 5.0,
            "socket_connect_timeout": 1.0,
            "socket_keepalive": True,
        },
        task_queues=[Queue(queue_of(p)) for p in range(partitions)] + [Queue(SWEEP_QUEUE)],
        task_default_queue=SWEEP_QUEUE,
        task_create_missing_queues=False,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_send_sent_event=False,
        worker_send_task_events=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=True,
        enable_utc=True,
    )
    return app


def queue_of(partition: int) -> str:
    """Return the Celery queue of `partition`."""
    return f"events.{partition}"


def wake_projector(app: Celery, partition: Partition, event: EventId | None) -> None:
    """Ask a worker to project `partition`; a failure is logged, since the sweep asks again.

    Args:
        app: The Celery application.
        partition: The partition whose bell was rung.
        event: The event that rang it; None where the sweep did.
    """
    try:
        app.send_task(
            PROJECT,
            args=[partition, str(event) if event else None],
            queue=queue_of(partition),
            # What nobody took in this time has been repeated by the sweep.
            expires=60,
            retry=False,
        )
    except OperationalError as error:
        _log.warning("projection.wake_failed", partition=partition, error=str(error))


def _with_password(broker: BrokerSettings, address: RedisAddress) -> str:
    user = quote(address.user, safe="")
    password = quote(broker.password.reveal(), safe="")
    place = f"{user}:{password}@{address.host}:{address.port}/{address.database}"
    if not address.tls:
        return f"redis://{place}"
    # Without these kombu would take any certificate, wherever it makes a connection of the address.
    options = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
    if address.authorities is not None:
        options["ssl_ca_certs"] = address.authorities
    return f"rediss://{place}?{urlencode(options)}"
