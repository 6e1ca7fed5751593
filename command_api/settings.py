"""What the command API reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from events.append import RateLimit
from runtime.settings import (
    BrokerSettings,
    DatabaseSettings,
    QueueSettings,
    Reader,
    RedisSettings,
    Secret,
)
from web.app import ApiSettings


@dataclass(frozen=True, kw_only=True)
class CommandSettings:
    """Where the command API finds its parts, and what an account may send.

    `query_url` is where the query API answers, for clients that wait; by default through NGINX.
    """

    api: ApiSettings
    database: DatabaseSettings
    redis: RedisSettings
    broker: BrokerSettings
    queue: QueueSettings
    rate: RateLimit
    jwks_url: str
    consistency_key: Secret
    query_url: str

    @classmethod
    def read(cls, reader: Reader) -> CommandSettings:
        """Read all groups."""
        api = ApiSettings.read(reader, title="Messaging: commands")
        return cls(
            api=api,
            database=DatabaseSettings.read(reader, profile=api.profile),
            redis=RedisSettings.read(reader, profile=api.profile),
            broker=BrokerSettings.read(reader),
            queue=QueueSettings.read(reader),
            rate=RateLimit(
                per_second=reader.integer("MESSAGING_COMMAND_RATE", 200),
                burst=reader.integer("MESSAGING_COMMAND_BURST", 1_000),
            ),
            jwks_url=reader.url("MESSAGING_JWKS_URL"),
            consistency_key=reader.secret("MESSAGING_CONSISTENCY_KEY_FILE"),
            query_url=reader.url("MESSAGING_QUERY_URL", f"{api.public_url}/query/v1"),
        )
