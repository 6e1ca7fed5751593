"""All services of a stack, and the configuration that they need."""

from __future__ import annotations

from collections.abc import Collection

from local_stack import apis, flower, nginx, pgpool, postgres, prometheus, valkey, workers
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.service import Service

# As `messaging status` lists them, also where there is no stack yet.
NAMES = (
    "primary",
    "replica",
    "redis",
    "pgpool",
    "pgpool_watch",
    "auth_api",
    "command_api",
    "query_api",
    "query_stream",
    "worker-1",
    "worker-2",
    "beat",
    "flower",
    "nginx",
)


def every(context: Context) -> list[Service]:
    """Return the services of the stack, in the order of NAMES."""
    return [
        *postgres.services(context),
        valkey.service(context),
        *pgpool.services(context),
        *apis.services(context),
        *workers.services(context),
        flower.service(context),
        nginx.service(context),
    ]


def check_known(context: Context, known: Collection[str]) -> None:
    """Pass if the services that run by the names `known` are those of this release.

    Raises:
        StackError: A release with others started them.
    """
    if set(known) != {service.name for service in every(context)}:
        raise StackError("This release has other processes: run messaging down, then up.")


def prepare(context: Context) -> None:
    """Write what the servers read when they start; harmless if done before."""
    postgres.prepare(context)
    valkey.prepare(context)
    pgpool.prepare(context)
    nginx.prepare(context)
    prometheus.prepare(context)
