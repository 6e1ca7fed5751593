"""Who runs what: the invoking user, and for the servers that refuse root, `nobody`."""

from __future__ import annotations

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
