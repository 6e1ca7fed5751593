"""`messaging events export`: the event log as CloudEvents, one JSON object a line."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

import click
from sqlalchemy import Connection, text

from cli.events import connections
from cli.events.filters import filters, selection
from cli.events.running import counting, rate_option
from events import archive, checkpoints
from events.archive import Header
from events.archive_file import Sealed
from events.letters import LetterSelection, letters
from events.selection import BEGINNING, EVERYTHING, Place, Selection, events
from runtime.clock import utc_now
from runtime.errors import MessagingError
from runtime.ids import Partition, new_id
from workers.pace import Pace

_PAGE = 2_000
_COUNT = text("SELECT count(*) FROM event_log.event")


@click.command()
@click.argument("file", metavar="FILE|-")
@filters
@rate_option
def export(file: str, *, rate: float | None, **named: Any) -> None:
    """Write the event log, checkpoints and dead letters to FILE, all as they are at one moment.

    It holds what people wrote: keep it as you keep the database. FILE ending in .gz is compressed;
    - is standard output. With filters it holds the events selected alone, and cannot be imported.
    Accounts are not in it.
    """
    state = connections.stack()
    engine = connections.reading(state).execution_options(isolation_level="REPEATABLE READ")
    with connections.one_line(), engine.connect() as connection:
        chosen = selection(connection, state, named)
        complete = chosen == EVERYTHING
        header = Header(
            id=new_id(),
            partitions=state.record.event_partitions,
            events=connection.execute(_COUNT).scalar_one(),
            complete=complete,
            made_at=utc_now(),
        )
        total = header.events if complete else 0
        with counting("Exporting", total, rate=rate) as pace, _opened(file) as out:
            _write(connection, header, chosen, Sealed(out), pace)


def _write(
    connection: Connection, header: Header, chosen: Selection, out: Sealed, pace: Pace
) -> None:
    out.write([archive.header_line(header)])
    rows = aside = 0
    for checkpoint in checkpoints.read_all(connection):
        partition = checkpoint.partition
        if chosen.partitions and partition not in chosen.partitions:
            continue
        if header.complete:
            out.write([archive.checkpoint_line(checkpoint, header)])
        rows += _write_events(connection, partition, chosen, out, pace)
        if header.complete:
            aside += _write_letters(connection, partition, out)
    out.end(header, events=rows, letters=aside)


def _write_events(
    connection: Connection, partition: Partition, chosen: Selection, out: Sealed, pace: Pace
) -> int:
    rows, after = 0, Place(partition, BEGINNING.offset)
    here = replace(chosen, partitions=(partition,))
    while page := events(connection, here, after=after, limit=_PAGE):
        out.write(map(archive.event_line, page))
        rows, after = rows + len(page), page[-1].place
        pace.done(len(page))
    return rows


def _write_letters(connection: Connection, partition: Partition, out: Sealed) -> int:
    rows, after = 0, Place(partition, BEGINNING.offset)
    here = LetterSelection(events=Selection(partitions=(partition,)))
    while page := letters(connection, here, after=after, limit=_PAGE):
        out.write(map(archive.letter_line, page))
        rows, after = rows + len(page), page[-1].place
    return rows


@contextlib.contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    """Open FILE under another name until all of it is there: a torn export must not look whole."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    if os.path.lexists(path):
        raise MessagingError(f"{path} exists: name another file, or remove it.")
    # What people wrote is in it: nobody else may have made the file, or may lead us elsewhere.
    descriptor, unfinished = tempfile.mkstemp(
        prefix=f".{path.name}.", suffix=".unfinished", dir=path.parent
    )
    try:
        with os.fdopen(descriptor, "wb") as out:
            if path.suffix == ".gz":
                with gzip.open(out, "wb", 6) as zipped:
                    yield cast("IO[bytes]", zipped)
            else:
                yield out
            out.flush()
            os.fsync(out.fileno())
        _name(unfinished, path)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def _name(unfinished: str, path: Path) -> None:
    """Give the finished file its name, unless that was taken meanwhile."""
    try:
        os.link(unfinished, path, follow_symlinks=False)
    except FileExistsError:
        raise MessagingError(f"{path} exists by now: name another file, or remove it.") from None
