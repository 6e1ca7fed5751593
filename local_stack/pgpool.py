"""PGPool: one address for both Postgres servers, writers to the primary, readers to the standby."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from local_stack import credentials, files, templates
from local_stack.context import Context
from local_stack.credentials import DATABASE_ROLES
from local_stack.service import Service

NAMES = ("pgpool", "pgpool_watch")
_CHILDREN = 40
# It only tells: nobody is promoted but by an operator.
_ON_FAILURE = 'echo >&2; echo "$(date -u +%%FT%%TZ) node %d (%h:%p) is out of use" >&2'
# They talk to Postgres directly, or not to PGPool at all.
_NOT_THROUGH_PGPOOL = frozenset({"postgres", "replicator", "messaging_owner"})


def services(context: Context) -> list[Service]:
    """Return PGPool and what watches it; nothing where it cannot be had."""
    program = context.pgpool
    if program is None:
        return []
    folder, sockets = _folder(context), _sockets(context)
    ports = context.port("pgpool"), context.port("pgpool_admin")
    return [
        Service(
            name="pgpool",
            wave=3,
            # -D: a node's state at the last stop says nothing about now.
            command=(
                *(program.path, "-n", "-D", "-f", "pgpool.conf"),
                *("-F", "pcp.conf", "-a", "pool_hba.conf"),
            ),
            folder=folder,
            environment={"LD_LIBRARY_PATH": program.libraries} if program.libraries else {},
            stop_signal="INT",
            account=context.account,
            port=ports[0],
            waits_for=(context.port("primary"),),
            pid_file=folder / "pgpool.pid",
            sockets=tuple(sockets / f".s.PGSQL.{port}" for port in ports),
        ),
        Service(
            name="pgpool_watch",
            wave=4,
            command=("/bin/sh", "watch.sh", "pgpool.pid"),
            folder=folder,
            environment={"PATH": os.defpath},
            account=context.account,
        ),
    ]


def prepare(context: Context) -> None:
    """Write PGPool's configuration and its copy of the passwords."""
    if context.pgpool is None:
        return
    owner = context.account
    folder = files.folder(_folder(context), owner=owner)
    files.folder(_sockets(context), owner=owner)
    values = {
        "LISTEN": "127.0.0.1",
        "PORT": context.port("pgpool"),
        "ADMIN_PORT": context.port("pgpool_admin"),
        "SOCKETS": str(_sockets(context)).replace("'", "''"),
        "CHILDREN": _CHILDREN,
        "FAILOVER_COMMAND": _ON_FAILURE,
    }
    nodes = {"PRIMARY_PORT": context.port("primary"), "STANDBY_PORT": context.port("replica")}
    configuration = templates.render("pgpool/pgpool.conf", values)
    configuration += templates.render("pgpool/local_nodes.conf", nodes)
    files.write(folder / "pgpool.conf", configuration, owner=owner)
    files.write(folder / "watch.sh", (templates.OPS / "pgpool/watch.sh").read_text(), owner=owner)
    hba = templates.render("pgpool/pool_hba.conf", {"NETWORK": "127.0.0.1/32"})
    files.write(folder / "pool_hba.conf", hba, owner=owner)
    files.write(folder / "pool_passwd", _passwords(context), owner=owner)
    files.write(folder / "pcp.conf", _admin(context), owner=owner)


def _passwords(context: Context) -> str:
    # SCRAM to the nodes needs the password itself. A key to encrypt it would lie in the same
    # folder with the same mode, and protect nothing.
    return "".join(
        f"{role}:TEXT{credentials.read(context.credentials.database(role))}\n"
        for role in DATABASE_ROLES
        if role not in _NOT_THROUGH_PGPOOL
    )


def _admin(context: Context) -> str:
    password = credentials.read(context.credentials.pgpool_admin)
    # PCP knows no other hash.
    return f"admin:{hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()}\n"


def _folder(context: Context) -> Path:
    return context.state.servers / "pgpool"


def _sockets(context: Context) -> Path:
    return context.state.sockets / "pgpool"
