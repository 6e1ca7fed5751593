"""What gunicorn does around the processes of a service, so that each can keep its metrics.

`ops/gunicorn/gunicornconfig.py` takes them. Where `PROMETHEUS_MULTIPROC_DIR` is not set,
it does nothing. Gunicorn's master keeps this module: it imports nothing of ours, as
`web.gunicorn_worker` explains.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

# As in runtime.meters.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# More than all routes and outcomes of a service need; see the test that counts.
ALLOTTED_BYTES = 1024 * 1024
_KINDS = ("counter", "histogram", "gauge_livesum")


def on_starting(_server: Any) -> None:
    """Begin with an empty folder: what a service counted ends with it."""
    folder = _folder()
    if folder is None:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink(missing_ok=True)


def post_fork(_server: Any, _worker: Any) -> None:
    """Allot the files of a new process: written to on a full disk they would kill it (SIGBUS)."""
    folder = _folder()
    if folder is None:
        return
    try:
        for kind in _KINDS:
            _allot(folder / f"{kind}_{os.getpid()}.db")
    except OSError:
        # Without room it serves all the same, and its metrics are lost.
        del os.environ[FOLDER]


def child_exit(_server: Any, worker: Any) -> None:
    """Keep what a process counted, forget what it had open, give back the room."""
    folder = _folder()
    if folder is None:
        return
    (folder / f"gauge_livesum_{worker.pid}.db").unlink(missing_ok=True)
    for kind in ("counter", "histogram"):
        path = folder / f"{kind}_{worker.pid}.db"
        if path.exists():
            # It begins with the number of bytes in use.
            with path.open("r+b") as file:
                used = struct.unpack("i", file.read(4))[0]
                file.truncate(max(used, 8))


def _allot(path: Path) -> None:
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, ALLOTTED_BYTES)


def _folder() -> Path | None:
    name = os.environ.get(FOLDER)
    return Path(name) if name else None
