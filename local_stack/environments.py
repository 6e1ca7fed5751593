"""The environment of each service of ours: what it needs, no more; secrets as file names."""

from __future__ import annotations

import os
from pathlib import Path

from local_stack import postgres, settings, valkey
from local_stack.context import Context

_API_SETTINGS = {
    "auth_api": (*settings.LOGIN, *settings.SESSIONS, *settings.ARGON2),
    "command_api": (*settings.QUEUE, *settings.COMMAND_RATE),
    "query_api": settings.CANARY,
}

# What query_stream is told where nobody says otherwise, here and in docker-compose.yml.
STREAMS = {
    # A stream takes a connection only while it looks for news, a millisecond or so.
    "MESSAGING_DATABASE_POOL": "3",
    # A stream is to end within 5 s of its session's end: it must not look for longer.
    "MESSAGING_STATEMENT_TIMEOUT": "5",
    "MESSAGING_STREAM_LIMIT": "200",
}
# Where the processes of a service keep what they measure.
_METRICS = "PROMETHEUS_MULTIPROC_DIR"


def of_api(context: Context, name: str) -> dict[str, str]:
    """Return the environment of API `name`."""
    environment = {
        **_common(context, name),
        **_database(context, name, reads=name == "query_api"),
        **_redis(context, name),
        **settings.some(context.settings, (*settings.PROFILE, *_API_SETTINGS[name])),
        _METRICS: _metrics(context, name),
    }
    if name == "auth_api":
        environment["MESSAGING_SIGNING_KEYS_DIR"] = str(context.credentials.signing_keys)
        return environment
    environment["MESSAGING_JWKS_URL"] = f"{_api_url(context, 'auth')}/.well-known/jwks.json"
    environment["MESSAGING_CONSISTENCY_KEY_FILE"] = str(context.credentials.consistency_key)
    environment["MESSAGING_EVENT_PARTITIONS"] = str(context.state.record.event_partitions)
    if name == "command_api":
        environment |= _broker(context, name)
        environment["MESSAGING_QUERY_URL"] = _api_url(context, "query")
    else:
        environment["MESSAGING_AUTH_READY_URL"] = f"{_api_url(context, 'auth')}/readyz"
        streams = context.port("query_stream")
        environment["MESSAGING_STREAM_READY_URL"] = f"http://127.0.0.1:{streams}/query/v1/readyz"
        environment["MESSAGING_COMMAND_READY_URL"] = f"{_api_url(context, 'command')}/readyz"
    return environment


def of_streams(context: Context) -> dict[str, str]:
    """Return the environment of the process of query_api that serves nothing but streams."""
    return {
        **of_api(context, "query_api"),
        "MESSAGING_SERVICE": "query_stream",
        **STREAMS,
        _METRICS: _metrics(context, "query_stream"),
        **settings.some(context.settings, settings.STREAMS),
    }


def of_worker(context: Context, name: str) -> dict[str, str]:
    """Return the environment of a worker."""
    return {
        **_common(context, name),
        **_database(context, "worker"),
        **_redis(context, "worker"),
        **_broker(context, "worker"),
        "MESSAGING_EVENT_PARTITIONS": str(context.state.record.event_partitions),
        **settings.some(
            context.settings, (*settings.QUEUE, *settings.PROJECTING, *settings.FAULTS)
        ),
        **settings.some(context.settings, settings.ACCESS),
        **settings.some(context.settings, settings.CANARY),
        "MESSAGING_METRICS_PORT": str(context.port(name)),
    }


def of_beat(context: Context) -> dict[str, str]:
    """Return the environment of beat: it talks to the broker and touches nothing else."""
    return {
        **_common(context, "beat"),
        **_broker(context, "beat"),
        "MESSAGING_EVENT_PARTITIONS": str(context.state.record.event_partitions),
        **settings.some(context.settings, settings.CANARY),
    }


def of_flower(context: Context) -> dict[str, str]:
    """Return the environment of Flower."""
    return {
        **_common(context, "flower"),
        **_broker(context, "flower"),
        "MESSAGING_EVENT_PARTITIONS": str(context.state.record.event_partitions),
        "MESSAGING_FLOWER_PORT": str(context.port("flower")),
        "MESSAGING_FLOWER_PASSWORD_FILE": str(context.credentials.flower),
    }


def _common(context: Context, name: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(Path.home()),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "MESSAGING_SERVICE": name,
        "MESSAGING_PUBLIC_URL": context.state.url,
        **settings.some(context.settings, settings.ALL),
    }


def _metrics(context: Context, name: str) -> str:
    return str(context.state.run / "metrics" / name)


def _database(context: Context, role: str, *, reads: bool = False) -> dict[str, str]:
    direct = "replica" if reads else "primary"
    server = "pgpool" if context.pgpool else direct
    return {
        "MESSAGING_DATABASE_URL": postgres.url(context, role, name=server),
        "MESSAGING_DATABASE_PASSWORD_FILE": str(context.credentials.database(role)),
    }


def _redis(context: Context, user: str) -> dict[str, str]:
    return {
        "MESSAGING_REDIS_URL": valkey.url(context, user, valkey.APPLICATION_DB),
        "MESSAGING_REDIS_PASSWORD_FILE": str(context.credentials.redis(user)),
    }


def _broker(context: Context, user: str) -> dict[str, str]:
    return {
        "MESSAGING_BROKER_URL": valkey.url(context, user, valkey.BROKER_DB),
        "MESSAGING_REDIS_PASSWORD_FILE": str(context.credentials.redis(user)),
    }


def _api_url(context: Context, name: str) -> str:
    return f"http://127.0.0.1:{context.port(f'{name}_api')}/{name}/v1"
