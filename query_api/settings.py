"""What query_api reads from the environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from runtime.settings import CanarySettings, DatabaseSettings, Reader, RedisSettings, Secret
from web.app import ApiSettings


@dataclass(frozen=True, kw_only=True)
class ReadinessSettings:
    """Where the others say whether they are ready; by default through NGINX.

    `stream_url` is of the process that serves event streams, which may be this one.
    """

    auth_url: str
    command_url: str
    stream_url: str

    @classmethod
    def read(cls, reader: Reader, *, public_url: str) -> ReadinessSettings:
        """Read the group."""
        return cls(
            auth_url=reader.url("MESSAGING_AUTH_READY_URL", f"{public_url}/auth/v1/readyz"),
            command_url=reader.url(
                "MESSAGING_COMMAND_READY_URL", f"{public_url}/command/v1/readyz"
            ),
            stream_url=reader.url("MESSAGING_STREAM_READY_URL", f"{public_url}/query/v1/readyz"),
        )


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """How many event streams there may be, and how long they may be silent.

    Each stream holds a thread of the process: keep `limit` below the number of its threads.
    """

    limit: int = 4
    limit_of_account: int = 10
    heartbeat_seconds: int = 15

    @classmethod
    def read(cls, reader: Reader) -> StreamSettings:
        """Read the group."""
        return cls(
            limit=reader.integer("MESSAGING_STREAM_LIMIT", cls.limit),
            limit_of_account=reader.integer("MESSAGING_STREAM_ACCOUNT_LIMIT", cls.limit_of_account),
            heartbeat_seconds=reader.integer("MESSAGING_STREAM_HEARTBEAT", cls.heartbeat_seconds),
        )


@dataclass(frozen=True, kw_only=True)
class WaitSettings:
    """How many requests may wait at once for what their consistency tokens stand for.

    Each holds a thread of the process: keep `limit` at half of its threads.
    """

    limit: int = 8
    limit_of_account: int = 4

    @classmethod
    def read(cls, reader: Reader) -> WaitSettings:
        """Read the group."""
        return cls(
            limit=reader.integer("MESSAGING_WAIT_LIMIT", cls.limit),
            limit_of_account=reader.integer("MESSAGING_WAIT_ACCOUNT_LIMIT", cls.limit_of_account),
        )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that query_api needs to know."""

    api: ApiSettings
    database: DatabaseSettings
    database_pool: int
    redis: RedisSettings
    jwks_url: str
    consistency_key: Secret
    readiness: ReadinessSettings
    stream: StreamSettings = StreamSettings()
    canary: CanarySettings = field(default_factory=CanarySettings)
    wait: WaitSettings = WaitSettings()

    @classmethod
    def read(cls, reader: Reader) -> Settings:
        """Read all groups; the first that is missing or wrong is a SettingsError."""
        api = ApiSettings.read(reader, title="Messaging: queries")
        return cls(
            api=api,
            database=DatabaseSettings.read(reader, profile=api.profile),
            database_pool=reader.integer("MESSAGING_DATABASE_POOL", 6),
            redis=RedisSettings.read(reader, profile=api.profile),
            jwks_url=reader.url("MESSAGING_JWKS_URL"),
            consistency_key=reader.secret("MESSAGING_CONSISTENCY_KEY_FILE"),
            readiness=ReadinessSettings.read(reader, public_url=api.public_url),
            stream=StreamSettings.read(reader),
            canary=CanarySettings.read(reader),
            wait=WaitSettings.read(reader),
        )
