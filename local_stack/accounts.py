"""Who runs what, when root starts it: `nobody` the servers, NGINX a user of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import StackError


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def for_servers() -> Account | None:
    """Return the user to switch to for Postgres and its like: `nobody` when root, else none."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise StackError(
            "Postgres does not run as root and this machine has no user `nobody`:"
            " add one, or run as an ordinary user."
        ) from None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


# The usual names of the user of a public web server.
_GATEWAYS = ("www-data", "nginx", "http")
_NAMELESS = 65533


def for_gateway() -> Account | None:
    """Return the user to switch to for NGINX, the public part: nobody else's when root, else none.

    It has the servers' group, which opens the way to its own folder, and no file.
    """
    servers = for_servers()
    if servers is None:
        return None
    for name in _GATEWAYS:
        with contextlib.suppress(KeyError):
            return Account(name=name, uid=pwd.getpwnam(name).pw_uid, gid=servers.gid)
    return Account(name="", uid=_NAMELESS, gid=servers.gid)


def can_reach(account: Account | None, path: Path) -> bool:
    """Return whether `account` may enter the folder, or run the file, at `path`."""
    if account is None:
        return os.access(path, os.X_OK)
    # Asking as that user is right whatever mode bits, groups, ACLs or mounts are in the way.
    done = subprocess.run(
        ["/usr/bin/test", "-x", str(path)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return done.returncode == 0
