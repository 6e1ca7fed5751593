"""Writes files whole or not at all, and makes folders with the owner they need."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from local_stack.accounts import Account


def write(
    path: Path, content: str | bytes, *, mode: int = 0o600, owner: Account | None = None
) -> None:
    """Put `content` at `path` in one step: a reader, or a later start, never finds half of it."""
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if owner is not None:
                os.fchown(stream.fileno(), owner.uid, owner.gid)
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise


def folder(path: Path, *, mode: int = 0o700, owner: Account | None = None) -> Path:
    """Return the folder `path`, made where missing, with exactly this mode and owner."""
    path.mkdir(parents=True, exist_ok=True)
    if owner is not None and os.geteuid() == 0:
        os.chown(path, owner.uid, owner.gid)
    if (path.stat().st_mode & 0o7777) != mode:
        path.chmod(mode)
    return path


def remove_tree(path: Path) -> None:
    """Remove `path` and all below it, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def remove_unfinished(folder: Path) -> None:
    """Remove what interrupted starts left in `folder`, as far as nobody is still writing to it."""
    for path in folder.glob("*.unfinished.*"):
        shutil.rmtree(path, ignore_errors=True)


def unfinished(path: Path) -> Path:
    """Return a path to make `path` at, until it is whole and takes its own name.

    A new one each time: what a killed start had begun may still be writing to the last one.
    """
    return path.with_name(f"{path.name}.unfinished.{time.time_ns()}")
