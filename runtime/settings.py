"""Reads settings from the environment, once, at a process's start.

Each room declares the groups it needs as frozen dataclasses with a `read` that takes a `Reader`; a
service composes the groups it is entitled to, so that none asks for another's secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from environs import Env, EnvError
from marshmallow.validate import Range

from runtime.errors import SettingsError
from runtime.redis_address import RedisAddress, check_authorities
from runtime.revocations import ACCESS_LIFETIME_S
from runtime.secret import Secret as Secret  # noqa: PLC0414  # Settings are read from here.


class Reader:
    """Typed access to the environment; every failure names the variable and the mend."""

    def __init__(self) -> None:
        """Read the process's environment, no `.env` file."""
        self._env = Env()

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = self._env.str(name, default)
        if not value:
            raise SettingsError(f"{name} is not set: set it and start again.")
        return value

    def path(self, name: str) -> Path | None:
        """Return a path, None where it is not set."""
        value = self._env.str(name, "")
        return Path(value) if value else None

    def integer(self, name: str, default: int, *, least: int = 1) -> int:
        """Return a whole number of at least `least`."""
        try:
            value = self._env.int(name, default, validate=Range(min=least))
        except EnvError as error:
            shown = self._env.str(name, "")
            raise SettingsError(
                f"{name}={shown!r} is not usable: give a whole number of at least {least}."
            ) from error
        return int(value)

    def flag(self, name: str) -> bool:
        """Return whether a switch is on: 1; off is 0 or nothing."""
        value = self._env.str(name, "") or "0"
        if value not in {"0", "1"}:
            raise SettingsError(f"{name}={value!r} is not usable: give 1 or 0.")
        return value == "1"

    def url(self, name: str, default: str | None = None) -> str:
        """Return an address with a scheme and a host, without a password."""
        value = self.text(name, default)
        parts = urlsplit(value)
        if not parts.scheme or not parts.hostname:
            raise SettingsError(f"{name} is no address: give scheme://host:port/….")
        if parts.password:
            raise SettingsError(f"{name} holds a password: put it into a file and name that.")
        return value

    def database_url(self, name: str) -> str:
        """Return an address of Postgres; what it trusts, in `sslrootcert` or by libpq, is there."""
        value = self.url(name)
        given = dict(parse_qsl(urlsplit(value).query)).get("sslrootcert")
        for path, source in (
            (given, name),
            (self._env.str("PGSSLROOTCERT", None), "PGSSLROOTCERT"),
        ):
            check_authorities(None if path == "system" else path or None, name=source)
        return value

    def redis_url(self, name: str) -> str:
        """Return an address of Redis; what it trusts, in `ssl_ca_certs`, is there."""
        value = self.url(name)
        try:
            address = RedisAddress.parse(value)
        except ValueError as error:
            raise SettingsError(f"{name} is no address of a Redis: {error}.") from error
        check_authorities(address.authorities, name=name)
        return value

    def secret(self, name: str) -> Secret:
        """Return what the file holds that the variable `name` points to, without outer blanks."""
        path = Path(self.text(name))
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}: cannot read {path}: {error}.") from error
        if not value:
            raise SettingsError(f"{name}: {path} is empty: write the secret into it.")
        return Secret(value)


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What every process of ours has: its name in logs and how much it logs."""

    service: str
    log_level: str

    @classmethod
    def read(cls, reader: Reader) -> ServiceSettings:
        """Read the group; the log level must be one of Python's."""
        level = reader.text("MESSAGING_LOG_LEVEL", "INFO").upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise SettingsError(f"MESSAGING_LOG_LEVEL={level!r}: give DEBUG, INFO or ERROR.")
        return cls(service=reader.text("MESSAGING_SERVICE", "messaging"), log_level=level)


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
    profile: ProfileSettings = ProfileSettings()

    @classmethod
    def read(cls, reader: Reader) -> DatabaseSettings:
        """Read the group."""
        return cls(
            url=reader.database_url("MESSAGING_DATABASE_URL"),
            password=reader.secret("MESSAGING_DATABASE_PASSWORD_FILE"),
            statement_seconds=reader.integer("MESSAGING_STATEMENT_TIMEOUT", 0, least=0),
            profile=ProfileSettings.read(reader),
        )


@dataclass(frozen=True, kw_only=True)
class RedisSettings:
    """Where this process's ACL user finds Redis, with which password, and if that is counted."""

    url: str
    password: Secret
    profile: ProfileSettings = ProfileSettings()

    @classmethod
    def read(cls, reader: Reader) -> RedisSettings:
        """Read the group."""
        return cls(
            url=reader.redis_url("MESSAGING_REDIS_URL"),
            password=reader.secret("MESSAGING_REDIS_PASSWORD_FILE"),
            profile=ProfileSettings.read(reader),
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
            every_seconds=reader.integer("MESSAGING_CANARY_SECONDS", cls.every_seconds, least=0),
            limit_seconds=reader.integer("MESSAGING_CANARY_LIMIT", cls.limit_seconds),
        )


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """The shape of the event queue; `partitions` may not change once events exist."""

    partitions: int
    limit: int
    retention_seconds: int
    batch_size: int
    bell_ttl_seconds: int

    @classmethod
    def read(cls, reader: Reader) -> QueueSettings:
        """Read the group; the number of partitions must be a power of two up to 1,024."""
        partitions = reader.integer("MESSAGING_EVENT_PARTITIONS", 16)
        if partitions > 1024 or partitions & (partitions - 1):
            raise SettingsError(
                f"MESSAGING_EVENT_PARTITIONS={partitions} is no power of two up to 1024."
            )
        return cls(
            partitions=partitions,
            limit=reader.integer("MESSAGING_QUEUE_LIMIT", 1_000_000),
            retention_seconds=reader.integer("MESSAGING_QUEUE_RETENTION", 86_400),
            batch_size=reader.integer("MESSAGING_BATCH_SIZE", 1_000),
            bell_ttl_seconds=reader.integer("MESSAGING_BELL_TTL", 2),
        )

    @classmethod
    def of_viewer(cls, *, partitions: int) -> QueueSettings:
        """Return the settings of who only looks at so many partitions."""
        return cls(
            partitions=partitions, limit=1, retention_seconds=1, batch_size=1, bell_ttl_seconds=1
        )
