"""`messaging events import`: an export into an empty service."""

from __future__ import annotations

import contextlib
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import click

from cli.asking import confirm
from cli.events import connections
from cli.events.running import counting, rate_option
from events import archive_file
from events.archive import ArchiveError, End, Header
from events.archive_file import Line
from runtime.clock import utc_now
from workers.closing import check_header, prepare
from workers.restoring import restore

_TELL_EVERY = 1_000


@click.command("import", short_help="Restore an export into an empty service.")
@click.argument("file", metavar="FILE|-")
@rate_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a line.")
def import_(file: str, *, rate: float | None, yes: bool, as_json: bool) -> None:
    """Restore event log, dead letters, read model and checkpoints from FILE, made by `export`.

    The service must be empty. Until all is there commands are answered 503 and its partitions are
    paused. Run it again with the same file to go on with an import that was interrupted. A file is
    read and checked as a whole before anything is written; standard input only as it comes.

    Accounts are not in the file: restore schema identity from a back-up first, or ids stay without
    names. Accounts deleted after the export are erased again before anybody reads what they wrote.

    Exit code 0: restored. 1: not empty, damaged, not confirmed, or something is away.
    """
    if file == "-" and not yes:
        raise click.UsageError("An export from standard input needs --yes: nothing can be asked.")
    state = connections.stack()
    engine = connections.writing(state)
    partitions = state.record.event_partitions
    if file != "-":
        _check(file, partitions, quiet=as_json)
    with _lines(file) as lines:
        header = _header_of(lines, partitions)
        if not yes:
            question = f"Restore {header.events:,} events of {header.made_at:%Y-%m-%d %H:%M} UTC?"
            confirm(question)
        queue = connections.queue(state)
        with connections.one_line():
            again = prepare(engine, queue, header, clock=utc_now)
        with counting("Importing", header.events, rate=rate, quiet=as_json) as pace:
            done = restore(engine, header, lines, queue=queue, clock=utc_now, pace=pace)
    told = {"events": done.events, "dead_letters": done.letters, "restored_before": done.known}
    told["erased_again"] = len(done.erased)
    if as_json:
        click.echo(json.dumps({**told, "resumed": again}))
    else:
        click.echo("Restored {events:,} events and {dead_letters:,} dead letters.".format(**told))
        if done.erased:
            click.echo(f"Erased {len(done.erased):,} accounts that were deleted since.")


def _check(file: str, partitions: int, *, quiet: bool) -> None:
    """Read all of FILE before anything is written; standard input can be read but once."""
    with _lines(file) as lines:
        header = _header_of(lines, partitions)
        with counting("Checking", header.events, quiet=quiet) as pace:
            for number, line in enumerate(lines, 1):
                if number % _TELL_EVERY == 0 or isinstance(line.item, End):
                    pace.done(number % _TELL_EVERY or _TELL_EVERY)


def _header_of(lines: Iterator[Line], partitions: int) -> Header:
    header = next(lines).item
    if not isinstance(header, Header):
        raise ArchiveError("This is no export of an event log.")
    check_header(header, partitions)
    return header


@contextlib.contextmanager
def _lines(file: str) -> Iterator[Iterator[Line]]:
    with contextlib.ExitStack() as stack:
        source: IO[bytes]
        if file == "-":
            source = sys.stdin.buffer
        elif file.endswith(".gz"):
            source = cast("IO[bytes]", stack.enter_context(gzip.open(file, "rb")))
        else:
            source = stack.enter_context(Path(file).open("rb"))
        yield archive_file.read(source)
