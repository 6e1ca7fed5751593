"""Which data folder is whose: a folder's name is its server's role, so to promote is to rename.

Settings, ports and PGPool know roles only. A server whose folder was renamed finds no data where
its service starts it: it cannot come back as a second primary.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from local_stack import files
from local_stack.errors import StackError

PRIMARY = "primary"
STANDBY = "replica"
_PROMOTING = "promoting"
_REPLACED = "replaced-"


def begin_promotion(base: Path) -> None:
    """Note in `base`, to outlive a kill, that the standby becomes the primary."""
    name = f"{_REPLACED}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    files.write(base / _PROMOTING, name + "\n")
    _keep(base)


def promoting(base: Path) -> bool:
    """Return whether a promotion was begun and not ended."""
    return (base / _PROMOTING).exists()


def exchange(base: Path) -> None:
    """Set the old primary's folder aside and give the standby's its name, if one is promoted.

    Neither server may run. What an earlier call has done stays done.
    """
    if not promoting(base):
        return
    replaced = base / (base / _PROMOTING).read_text(encoding="utf-8").strip()
    primary, standby = base / PRIMARY, base / STANDBY
    if standby.exists() and primary.exists():
        primary.rename(replaced)
        _keep(base)
    if standby.exists():
        standby.rename(primary)
        _keep(base)


def end_promotion(base: Path) -> None:
    """Note that the new primary takes writes."""
    (base / _PROMOTING).unlink(missing_ok=True)
    _keep(base)


def check(base: Path) -> None:
    """Pass unless the primary's data are gone while the standby's are there.

    Raises:
        StackError: An empty primary, made in their place, would have the standby made empty too.
    """
    if (base / STANDBY).exists() and not (base / PRIMARY).exists():
        raise StackError(
            f"The primary's data ({base / PRIMARY}) are gone; the standby has a copy:"
            " put them back, or run messaging stack promote."
        )


def replaced(base: Path) -> list[Path]:
    """Return the folders of primaries that were replaced, the latest first."""
    return sorted(base.glob(f"{_REPLACED}*"), reverse=True)


def set_aside(path: Path) -> Path | None:
    """Rename `path` so that no server knows it; return its new name, None where it is not there."""
    if not path.exists():
        return None
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"before-restore-{stamp}-{path.name}")
    path.rename(aside)
    _keep(path.parent)
    return aside


def _keep(folder: Path) -> None:
    """Put the names in `folder` on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
