"""What Celery's processes read from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from runtime.settings import (
    BrokerSettings,
    DatabaseSettings,
    MetricsSettings,
    QueueSettings,
    Reader,
    RedisSettings,
    ServiceSettings,
    read_access_lifetime,
    read_canary_pace,
    read_partitions,
)
from workers.poison_limit import FaultSettings


@dataclass(frozen=True, kw_only=True)
class CelerySettings:
    """What workers, beat and Flower need to know: they load the same application.

    Attributes:
        service: How the process is called in logs and how much it logs.
        broker: Where deliveries are left and taken.
        partitions: Each has a Celery queue.
        canary_seconds: Between two canaries of a partition; 0: none are sent.
        alive_file: Touched as long as the broker hears the process.
    """

    service: ServiceSettings
    broker: BrokerSettings
    partitions: int
    canary_seconds: int
    alive_file: Path | None

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read all groups; the first that is missing or wrong is a SettingsError."""
        return cls(
            service=ServiceSettings.read(reader),
            broker=BrokerSettings.read(reader),
            partitions=read_partitions(reader),
            canary_seconds=read_canary_pace(reader),
            alive_file=reader.path("MESSAGING_ALIVE_FILE"),
        )


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What a worker needs to know besides: beat and Flower have none of its secrets.

    Attributes:
        database: The primary.
        redis: The event queue.
        queue: Its shape.
        retention_seconds: So long applied entries stay.
        batch_size: So many entries are applied in one transaction.
        faults: When an event is parked, and when its partition is stopped.
        access_lifetime: Of access tokens, in seconds.
        metrics: Where they are shown.
    """

    database: DatabaseSettings
    redis: RedisSettings
    queue: QueueSettings
    retention_seconds: int
    batch_size: int
    faults: FaultSettings
    access_lifetime: int
    metrics: MetricsSettings

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read all groups; the first that is missing or wrong is a SettingsError."""
        return cls(
            database=DatabaseSettings.read(reader),
            redis=RedisSettings.read(reader),
            queue=QueueSettings.read(reader),
            retention_seconds=reader.integer("MESSAGING_QUEUE_RETENTION", 86_400),
            batch_size=reader.integer("MESSAGING_BATCH_SIZE", 1_000),
            faults=FaultSettings.read(reader),
            access_lifetime=read_access_lifetime(reader),
            metrics=MetricsSettings.read(reader),
        )
