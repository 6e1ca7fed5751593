"""Reads settings from the environment, once, at a process's start.

Each room declares the groups it needs as frozen dataclasses with a `read` that takes a `Reader`; a
service composes the groups it is entitled to, so that none asks for another's secret.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import SettingsError
from runtime.reader import Reader as Reader  # noqa: PLC0414  # Settings are read from here.
from runtime.revocations import ACCESS_LIFETIME_S
from runtime.secret import Secret as Secret  # noqa: PLC0414  # as well

_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What every process of ours has: its name in logs and how much it logs."""

    service: str
    log_level: str

    @classmethod
    def read(cls, reader: Reader) -> ServiceSettings:
        """Read the group; the log level must be one of Python's."""
        return cls(
            service=reader.text("MESSAGING_SERVICE", "messaging"),
            log_level=reader.choice("MESSAGING_LOG_LEVEL", "INFO", among=_LOG_LEVELS),
        )


@dataclass(frozen=True, kw_only=True)
class ProfileSettings:
    """Whether each request tells what it spent on SQL and Redis; for development.

    Attributes:
        enabled: Where not, nothing of it is there.
        slow_ms: A statement that takes so many milliseconds is logged with its plan.
        shown: How many requests the page `profile` of a service shows; 0: there is none.
    """

    enabled: bool = False
    slow_ms: int = 50
    shown: int = 0

    @classmethod
    def read(cls, reader: Reader) -> ProfileSettings:
        """Read the group."""
        return cls(
            enabled=reader.flag("MESSAGING_PROFILE"),
            slow_ms=reader.integer("MESSAGING_PROFILE_SLOW_MS", cls.slow_ms, least=0),
            shown=reader.integer("MESSAGING_PROFILE_SHOWN", cls.shown, least=0),
        )


_NO_PROFILE = ProfileSettings()


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Where this process's database role connects, and with which password.

    Attributes:
        url: Where, and as whom.
        password: The role's.
        statement_seconds: How long a statement may take; 0: as long as the role's may.
        profile: Whether statements are counted.
    """

    url: str
    password: Secret
    statement_seconds: int = 0
    profile: ProfileSettings = _NO_PROFILE

    @classmethod
    def read(cls, reader: Reader, *, profile: ProfileSettings = _NO_PROFILE) -> DatabaseSettings:
        """Read the group; who serves requests says by `profile` whether they are counted."""
        return cls(
            url=reader.database_url("MESSAGING_DATABASE_URL"),
            password=reader.secret("MESSAGING_DATABASE_PASSWORD_FILE"),
            statement_seconds=reader.integer("MESSAGING_STATEMENT_TIMEOUT", 0, least=0),
            profile=profile,
        )


@dataclass(frozen=True, kw_only=True)
class RedisSettings:
    """Where this process's ACL user finds Redis, with which password, and if that is counted."""

    url: str
    password: Secret
    profile: ProfileSettings = _NO_PROFILE

    @classmethod
    def read(cls, reader: Reader, *, profile: ProfileSettings = _NO_PROFILE) -> RedisSettings:
        """Read the group; who serves requests says by `profile` whether they are counted."""
        return cls(
            url=reader.redis_url("MESSAGING_REDIS_URL"),
            password=reader.secret("MESSAGING_REDIS_PASSWORD_FILE"),
            profile=profile,
        )


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """Where Celery finds its broker: a second database of the same Redis."""

    url: str
    password: Secret

    @classmethod
    def read(cls, reader: Reader) -> BrokerSettings:
        """Read the group."""
        return cls(
            url=reader.redis_url("MESSAGING_BROKER_URL"),
            password=reader.secret("MESSAGING_REDIS_PASSWORD_FILE"),
        )


def read_access_lifetime(reader: Reader) -> int:
    """Return how many seconds an access token lives: so long an ended session is to be listed."""
    return reader.integer("MESSAGING_ACCESS_LIFETIME", ACCESS_LIFETIME_S)


def read_canary_pace(reader: Reader) -> int:
    """Return how many seconds lie between two canaries of a partition; 0: none are sent."""
    return reader.integer("MESSAGING_CANARY_SECONDS", 5, least=0)


@dataclass(frozen=True, kw_only=True)
class CanarySettings:
    """How often a canary is sent through each partition, and how old one may be.

    Attributes:
        every_seconds: 0: none is sent, and none expected.
        limit_seconds: Older, and the partition counts as stopped.
    """

    every_seconds: int = 5
    limit_seconds: int = 30

    @classmethod
    def read(cls, reader: Reader) -> CanarySettings:
        """Read the group."""
        return cls(
            every_seconds=read_canary_pace(reader),
            limit_seconds=reader.integer("MESSAGING_CANARY_LIMIT", cls.limit_seconds),
        )


def read_partitions(reader: Reader) -> int:
    """Return how many partitions the event queue has: a power of two up to 1,024."""
    partitions = reader.integer("MESSAGING_EVENT_PARTITIONS", 16, most=1024)
    if partitions & (partitions - 1):
        raise SettingsError(
            f"MESSAGING_EVENT_PARTITIONS={partitions} is no power of two up to 1024."
        )
    return partitions


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """The shape of the event queue; `partitions` may not change once events exist."""

    partitions: int
    limit: int
    bell_ttl_seconds: int

    @classmethod
    def read(cls, reader: Reader) -> QueueSettings:
        """Read the group; the number of partitions must be a power of two up to 1,024."""
        return cls(
            partitions=read_partitions(reader),
            limit=reader.integer("MESSAGING_QUEUE_LIMIT", 1_000_000),
            bell_ttl_seconds=reader.integer("MESSAGING_BELL_TTL", 2),
        )

    @classmethod
    def of_viewer(cls, *, partitions: int) -> QueueSettings:
        """Return the settings of who only looks at so many partitions."""
        return cls(partitions=partitions, limit=1, bell_ttl_seconds=1)


@dataclass(frozen=True, kw_only=True)
class MetricsSettings:
    """Where a process that serves nothing else shows its metrics; `port` 0: nowhere."""

    port: int
    address: str

    @classmethod
    def read(cls, reader: Reader) -> MetricsSettings:
        """Read the group."""
        return cls(
            port=reader.integer("MESSAGING_METRICS_PORT", 0, least=0, most=65_535),
            address=reader.text("MESSAGING_METRICS_ADDRESS", "127.0.0.1"),
        )
