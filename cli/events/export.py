"""`messaging events export`: the event log as CloudEvents, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import click
from sqlalchemy import Connection
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
from events.selection import BEGINNING, EVERYTHING, Place, Selection, count, events
from runtime.clock import utc_now
from runtime.ids import Partition, new_id
from workers.pace import InterruptedWorkError, Pace

_PAGE = 2_000


@click.command(short_help="Write the event log to a file, as CloudEvents.")
@click.argument("file", metavar="FILE|-")
@filters
@rate_option
@click.option("--resume", is_flag=True, help="Go on with FILE.part, which a stopped export left.")
@click.option("--dry-run", is_flag=True, help="Only count what would be written.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a line.")
def export(
    file: str, *, rate: float | None, resume: bool, dry_run: bool, as_json: bool, **named: Any
) -> None:
    """Write the event log, checkpoints and dead letters to FILE, all as they are at one moment.

    It holds what people wrote: keep it as you keep the database. FILE ending in .gz is compressed;
    - is standard output. With filters it holds the events selected alone, and cannot be imported.
    Accounts are not in it.

    Ctrl-C, or a database that fails, leaves FILE.part. --resume keeps the partitions that are whole
    in it, and writes the others by the same filters: each as it is at one moment, those later.

    Exit code 0: written. 1: not, or FILE exists. 2: wrong usage. 130: stopped by Ctrl-C.
    """
    if resume and (file == "-" or any(named.values())):
        raise click.UsageError("--resume wants the FILE of the export that was stopped, no filter.")
    state = connections.stack()
    begun = export_file.stopped(file, state.record.event_partitions) if resume else None
    engine = connections.reading(state).execution_options(isolation_level="REPEATABLE READ")
    with connections.one_line(), engine.connect() as connection:
        chosen = begun.selection if begun else selection(connection, state, named)
        header = _header(connection, state.record.event_partitions, begun, chosen)
        plan = _Plan(file=file, header=header, chosen=chosen, begun=begun)
        written = None if dry_run else _write(connection, plan, rate)
    _show(plan, written, as_json=as_json)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is to be written, by which filters, and what of it is there from a stopped export."""

    file: str
    header: Header
    chosen: Selection
    begun: Stopped | None


def _header(
    connection: Connection, partitions: int, begun: Stopped | None, chosen: Selection
) -> Header:
    if begun:
        left = {*(chosen.partitions or range(partitions))} - {*range(begun.partition)}
        rest = replace(chosen, partitions=tuple(map(Partition, sorted(left))))
        # No partition would mean all of them.
        return replace(begun.header, events=begun.events + (count(connection, rest) if left else 0))
    return Header(
        id=new_id(),
        partitions=partitions,
        events=count(connection, chosen),
        complete=chosen == EVERYTHING,
        made_at=utc_now(),
    )


def _write(connection: Connection, plan: _Plan, rate: float | None) -> _Written:
    # Before anything is written: a part that breaks off elsewhere than in a partition is none.
    applied = checkpoints.read_all(connection)
    with (
        counting("Exporting", plan.header.events, rate=rate) as pace,
        export_file.opened(plan.file, resume=plan.begun is not None) as out,
    ):
        writing = _Writing(connection, plan.header, plan.chosen, Sealed(out), pace)
        if plan.begun:
            return writing.go_on(applied, plan.begun, export_file.kept(plan.file, plan.begun))
        return writing.begin(applied)


def _show(plan: _Plan, written: _Written | None, *, as_json: bool) -> None:
    told = {
        "file": plan.file,
        "dry_run": written is None,
        "events": written.events if written else plan.header.events,
        "dead_letters": written and written.letters,
        "complete": plan.header.complete,
    }
    if as_json:
        line = json.dumps(told)
    elif written:
        line = f"Wrote {written.events:,} events and {written.letters:,} dead letters."
    else:
        line = f"Would write {plan.header.events:,} events."
    # There, standard output is the export.
    click.echo(line, err=plan.file == "-")


class _Written(NamedTuple):
    events: int
    letters: int


@dataclass(frozen=True)
class _Writing:
    """Writes an export from one snapshot."""

    connection: Connection
    header: Header
    chosen: Selection
    out: Sealed
    pace: Pace

    def begin(self, applied: Iterable[Checkpoint]) -> _Written:
        """Write all of it."""
        self.out.write([archive.header_line(self.header)])
        return self._write(applied, 0, 0)

    def go_on(
        self, applied: Iterable[Checkpoint], begun: Stopped, kept: Iterable[bytes]
    ) -> _Written:
        """Write what is kept of an export that was stopped, and what it lacks."""
        self.out.write([archive.header_line(self.header)])
        self.out.write(kept)
        self.pace.viewer.advance(begun.events)
        left = [c for c in applied if c.partition >= begun.partition]
        return self._write(left, begun.events, begun.letters)

    def _write(self, partitions: Iterable[Checkpoint], rows: int, aside: int) -> _Written:
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
        return _Written(rows, aside)

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
