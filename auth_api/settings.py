"""What auth_api reads from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.revocations import ACCESS_LIFETIME_S
from runtime.settings import DatabaseSettings, Reader, RedisSettings, read_access_lifetime
from web.app import ApiSettings

_DAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """How long tokens and sessions live, in seconds.

    Attributes:
        access: An access token.
        session: A session, however busy.
        idle: A session that nobody uses.
        grace: A refresh token after its rotation, for two tabs that refresh at once.
    """

    access: int = ACCESS_LIFETIME_S
    session: int = 30 * _DAY_S
    idle: int = 7 * _DAY_S
    grace: int = 10

    @classmethod
    def read(cls, reader: Reader) -> Lifetimes:
        """Read the group."""
        return cls(
            access=read_access_lifetime(reader),
            session=reader.integer("MESSAGING_SESSION_LIFETIME", cls.session),
            idle=reader.integer("MESSAGING_SESSION_IDLE", cls.idle),
            grace=reader.integer("MESSAGING_REFRESH_GRACE", cls.grace, least=0),
        )


@dataclass(frozen=True, kw_only=True)
class PasswordSettings:
    """What a password costs to check: Argon2id, by default OWASP's first recommendation."""

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1

    @classmethod
    def read(cls, reader: Reader) -> PasswordSettings:
        """Read the group."""
        return cls(
            memory_kib=reader.integer("MESSAGING_ARGON2_MEMORY_KIB", cls.memory_kib, least=8),
            passes=reader.integer("MESSAGING_ARGON2_PASSES", cls.passes),
            lanes=reader.integer("MESSAGING_ARGON2_LANES", cls.lanes),
        )


@dataclass(frozen=True, kw_only=True)
class FailureLimits:
    """How many logins may fail within `window` seconds, for an account and from an address."""

    account: int = 10
    address: int = 50
    window: int = 900

    @classmethod
    def read(cls, reader: Reader) -> FailureLimits:
        """Read the group."""
        return cls(
            account=reader.integer("MESSAGING_LOGIN_FAILURES_ACCOUNT", cls.account),
            address=reader.integer("MESSAGING_LOGIN_FAILURES_ADDRESS", cls.address),
            window=reader.integer("MESSAGING_LOGIN_WINDOW", cls.window),
        )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that auth_api needs to know."""

    api: ApiSettings
    database: DatabaseSettings
    database_pool: int
    redis: RedisSettings
    signing_keys: Path
    lifetimes: Lifetimes
    passwords: PasswordSettings
    failures: FailureLimits

    @classmethod
    def read(cls, reader: Reader) -> Settings:
        """Read all groups; the first that is missing or wrong is a SettingsError."""
        api = ApiSettings.read(reader, title="Messaging: accounts and sessions")
        return cls(
            api=api,
            database=DatabaseSettings.read(reader, profile=api.profile),
            database_pool=reader.integer("MESSAGING_DATABASE_POOL", 4),
            redis=RedisSettings.read(reader, profile=api.profile),
            signing_keys=reader.folder("MESSAGING_SIGNING_KEYS_DIR"),
            lifetimes=Lifetimes.read(reader),
            passwords=PasswordSettings.read(reader),
            failures=FailureLimits.read(reader),
        )
