"""The file of an export: under another name until it is whole; what is left of a stopped one."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import click
from sqlalchemy.exc import DBAPIError

from events import archive_part
from events.archive import ArchiveError
from events.archive_part import Stopped
from runtime.errors import MessagingError
from workers.pace import InterruptedWorkError


@contextlib.contextmanager
def opened(file: str, *, resume: bool) -> Iterator[IO[bytes]]:
    """Open FILE under another name until all of it is there: a torn export must not look whole.

    What is written when the work is stopped, or the database fails, is left as FILE.part.

    Args:
        file: Its name; - is standard output, of which nothing is left.
        resume: Whether FILE.part is what this goes on with; it is gone in the end.

    Raises:
        MessagingError: There is such a file, or one that another export left.
    """
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path, part = Path(file), _part(file)
    if os.path.lexists(path):
        raise MessagingError(f"{path} exists: name another file, or remove it.")
    if not resume and os.path.lexists(part):
        raise MessagingError(f"{part} is of an export that was stopped: --resume, or remove it.")
    # What people wrote is in it: nobody else may have made the file, or may lead us elsewhere.
    descriptor, unfinished = tempfile.mkstemp(
        prefix=f".{path.name}.", suffix=".unfinished", dir=path.parent
    )
    stopped: Exception | None = None
    try:
        with os.fdopen(descriptor, "wb") as out:
            with _compressed(out, path) as lines:
                try:
                    yield lines
                except (InterruptedWorkError, DBAPIError) as error:
                    stopped = error
            out.flush()
            os.fsync(out.fileno())
        _settle(unfinished, path, part, stopped)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def _settle(unfinished: str, path: Path, part: Path, stopped: Exception | None) -> None:
    """Give what is written its name; raise again what stopped it."""
    if stopped is None:
        _name(unfinished, path)
        part.unlink(missing_ok=True)
        return
    Path(unfinished).replace(part)
    click.echo(f"{part} holds what is whole: go on with --resume.", err=True)
    raise stopped


def stopped(file: str, partitions: int) -> Stopped:
    """Read what a stopped export of FILE left.

    Raises:
        ArchiveError: It is nothing of the kind, or of another number of partitions.
        MessagingError: There is nothing, or somebody else's.
    """
    with _left(file) as source:
        begun = archive_part.read(source)
    if begun.header.partitions != partitions:
        raise ArchiveError("There are other partitions than when the export was stopped.")
    return begun


def kept(file: str, begun: Stopped) -> Iterator[bytes]:
    """Give the lines that may be kept of what a stopped export of FILE left."""
    with _left(file) as source:
        yield from archive_part.kept(source, begun.partition)


@contextlib.contextmanager
def _left(file: str) -> Iterator[IO[bytes]]:
    part = _part(file)
    try:
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise MessagingError(f"{part} cannot be read: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as left:
        about = os.fstat(descriptor)
        if about.st_uid != os.geteuid() or not stat.S_ISREG(about.st_mode):
            raise MessagingError(f"{part} is not a file of yours.")
        with gzip.open(left, "rb") if file.endswith(".gz") else contextlib.nullcontext(left) as it:
            yield cast("IO[bytes]", it)


def _part(file: str) -> Path:
    return Path(f"{file}.part")


@contextlib.contextmanager
def _compressed(out: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(out, "wb", 6) as zipped:
            yield cast("IO[bytes]", zipped)
    else:
        yield out


def _name(unfinished: str, path: Path) -> None:
    """Give the finished file its name, unless that was taken meanwhile."""
    try:
        os.link(unfinished, path, follow_symlinks=False)
    except FileExistsError:
        raise MessagingError(f"{path} exists by now: name another file, or remove it.") from None
