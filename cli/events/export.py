"""`messaging events export`: the event log as CloudEvents, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import click
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from cli.events import connections, export_file
from cli.events.filters import filters, selection
from cli.events.running import counting, rate_option
from events import archive, archive_part, checkpoints
from events.archive import Header
from events.archive_file import Sealed
from events.archive_part import Stopped
from events.checkpoints import Checkpoint
from events.letters import LetterSelection, letters
from events.selection import BEGINNING, EVERYTHING, Place, Selection, events
from runtime.clock import utc_now
from runtime.ids import Partition, new_id
from workers.pace import InterruptedWorkError, Pace

_PAGE = 2_000
_COUNT = text("SELECT count(*) FROM event_log.event WHERE partition >= :first")


@click.command(short_help="Write the event log to a file, as CloudEvents.")
@click.argument("file", metavar="FILE|-")
@filters
@rate_option
@click.option("--resume", is_flag=True, help="Go on with FILE.part, which a stopped export left.")
def export(file: str, *, rate: float | None, resume: bool, **named: Any) -> None:
    """Write the event log, checkpoints and dead letters to FILE, all as they are at one moment.

    It holds what people wrote: keep it as you keep the database. FILE ending in .gz is compressed;
    - is standard output. With filters it holds the events selected alone, and cannot be imported.
    Accounts are not in it.

    Ctrl-C, or a database that fails, leaves FILE.part. --resume keeps the partitions that are whole
    in it, and writes the others by the same filters: each as it is at one moment, those later.
    """
    if resume and (file == "-" or any(named.values())):
        raise click.UsageError("--resume wants the FILE of the export that was stopped, no filter.")
    state = connections.stack()
    partitions = state.record.event_partitions
    begun = export_file.stopped(file, partitions) if resume else None
    engine = connections.reading(state).execution_options(isolation_level="REPEATABLE READ")
    with connections.one_line(), engine.connect() as connection:
        chosen = begun.selection if begun else selection(connection, state, named)
        header = _header(connection, partitions, begun, complete=chosen == EVERYTHING)
        total = header.events if header.complete else 0
        # Before anything is written: a part that breaks off elsewhere than in a partition is none.
        applied = checkpoints.read_all(connection)
        with (
            counting("Exporting", total, rate=rate) as pace,
            export_file.opened(file, resume=resume) as out,
        ):
            writing = _Writing(connection, header, chosen, Sealed(out), pace)
            if begun:
                writing.go_on(applied, begun, export_file.kept(file, begun))
            else:
                writing.begin(applied)


def _header(
    connection: Connection, partitions: int, begun: Stopped | None, *, complete: bool
) -> Header:
    first, there = (begun.partition, begun.events) if begun else (0, 0)
    events = there + connection.execute(_COUNT, {"first": first}).scalar_one()
    if begun:
        return replace(begun.header, events=events)
    return Header(
        id=new_id(), partitions=partitions, events=events, complete=complete, made_at=utc_now()
    )


@dataclass(frozen=True)
class _Writing:
    """Writes an export from one snapshot."""

    connection: Connection
    header: Header
    chosen: Selection
    out: Sealed
    pace: Pace

    def begin(self, applied: Iterable[Checkpoint]) -> None:
        """Write all of it."""
        self.out.write([archive.header_line(self.header)])
        self._write(applied, 0, 0)

    def go_on(self, applied: Iterable[Checkpoint], begun: Stopped, kept: Iterable[bytes]) -> None:
        """Write what is kept of an export that was stopped, and what it lacks."""
        self.out.write([archive.header_line(self.header)])
        self.out.write(kept)
        self.pace.viewer.advance(begun.events)
        left = [c for c in applied if c.partition >= begun.partition]
        self._write(left, begun.events, begun.letters)

    def _write(self, partitions: Iterable[Checkpoint], rows: int, aside: int) -> None:
        for checkpoint in partitions:
            partition = checkpoint.partition
            if self.chosen.partitions and partition not in self.chosen.partitions:
                continue
            try:
                # A filter may leave a partition nothing, at whose end to stop.
                self.pace.check()
                if self.header.complete:
                    self.out.write([archive.checkpoint_line(checkpoint, self.header)])
                rows += self._write_events(partition)
                if self.header.complete:
                    aside += self._write_letters(partition)
            except (InterruptedWorkError, DBAPIError):
                archive_part.stop(self.out, self.header, partition, self.chosen)
                raise
        self.out.end(self.header, events=rows, letters=aside)

    def _write_events(self, partition: Partition) -> int:
        rows, after = 0, Place(partition, BEGINNING.offset)
        here = replace(self.chosen, partitions=(partition,))
        while page := events(self.connection, here, after=after, limit=_PAGE):
            self.out.write(map(archive.event_line, page))
            rows, after = rows + len(page), page[-1].place
            self.pace.done(len(page))
        return rows

    def _write_letters(self, partition: Partition) -> int:
        rows, after = 0, Place(partition, BEGINNING.offset)
        here = LetterSelection(events=Selection(partitions=(partition,)))
        while page := letters(self.connection, here, after=after, limit=_PAGE):
            self.out.write(map(archive.letter_line, page))
            rows, after = rows + len(page), page[-1].place
        return rows
