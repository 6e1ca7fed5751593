"""Valkey, in the role of Redis: the event queue, short-lived facts, and Celery's broker."""

from __future__ import annotations

from pathlib import Path

from local_stack import credentials, files, templates
from local_stack.context import Context
from local_stack.credentials import REDIS_USERS
from local_stack.service import Service

_MAXMEMORY = "1gb"
APPLICATION_DB = 0
BROKER_DB = 1


def service(context: Context) -> Service:
    """Return Valkey as a service."""
    return Service(
        name="redis",
        wave=1,
        command=(str(context.binaries.valkey), "valkey.conf"),
        folder=_folder(context),
        account=context.account,
        port=context.port("redis"),
    )


def prepare(context: Context) -> None:
    """Write the server's configuration and its users."""
    folder = files.folder(_folder(context), owner=context.account)
    values = {
        "LISTEN": "127.0.0.1",
        "PORT": context.port("redis"),
        "MAXMEMORY": context.settings.get("MESSAGING_REDIS_MEMORY", _MAXMEMORY),
    }
    configuration = templates.render("redis/valkey.conf", values)
    files.write(folder / "valkey.conf", configuration, owner=context.account)
    hashes = {
        f"{user.upper()}_SHA256": credentials.sha256(context.credentials.redis(user))
        for user in REDIS_USERS
    }
    users = templates.render("redis/users.acl", hashes)
    files.write(folder / "users.acl", users, owner=context.account)


def url(context: Context, user: str, database: int) -> str:
    """Return the address of `database` for `user`, without the password."""
    return f"redis://{user}@127.0.0.1:{context.port('redis')}/{database}"


def _folder(context: Context) -> Path:
    return context.state.servers / "redis"
