"""The queue's files: Valkey's append-only files, copied while it writes to them.

What was acknowledged is in them, since every write is on disk before it is answered. A copy that
ends within a write is read up to there, as after a power cut.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from local_stack import files
from local_stack.errors import StackError

FOLDER = "appendonlydir"
_MANIFEST = "appendonly.aof.manifest"
# A rewrite of the files takes seconds, and the next one begins when they have doubled.
_TRIES = 20


def copy(source: Path, target: Path) -> None:
    """Copy the append-only files in `source` to the new folder `target`, as of one moment.

    Raises:
        StackError: They change their names again and again, or there are none.
    """
    for _ in range(_TRIES):
        files.remove_tree(target)
        files.folder(target)
        try:
            manifest = (source / _MANIFEST).read_bytes()
            for name in _named(manifest):
                shutil.copyfile(source / name, target / name)
        except FileNotFoundError:
            continue
        # The same before and after: the server did not rewrite its files meanwhile.
        if (source / _MANIFEST).read_bytes() == manifest:
            files.write(target / _MANIFEST, manifest)
            return
    raise StackError(f"The queue's files in {source} cannot be copied: is Redis running?")


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in `folder` by its name."""
    found = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            found[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def _named(manifest: bytes) -> list[str]:
    """Return the files of which the manifest says that the data are made."""
    lines = [line.split() for line in manifest.decode().splitlines() if line.startswith("file ")]
    return [words[1] for words in lines]
