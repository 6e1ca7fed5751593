"""`messaging events import`: an export into an empty service."""

from __future__ import annotations

import contextlib
import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import click

from cli.events import connections
from cli.events.running import counting, rate_option
from events.archive import ArchiveError, Header, Item, read_line
from runtime.clock import utc_now
from workers.restoring import prepare, restore

# A message may have 16,384 characters; a row quotes it, escaped.
_LONGEST_LINE = 16 * 1024 * 1024


@click.command("import")
@click.argument("file", metavar="FILE|-")
@rate_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a line.")
def import_(file: str, *, rate: float | None, yes: bool, as_json: bool) -> None:
    """Restore event log, dead letters, read model and checkpoints from FILE, made by `export`.

    The service must be empty. Its partitions are paused until all is there; keep clients away
    meanwhile. Run it again with the same file to go on with an import that was interrupted.
    Accounts are not in the file: restore schema identity from a back-up, or ids stay without names.

    Exit code 0: restored. 1: not empty, damaged, not confirmed, or something is away.
    """
    if file == "-" and not yes:
        raise click.UsageError("An export from standard input needs --yes: nothing can be asked.")
    state = connections.stack()
    engine = connections.writing(state)
    with _lines(file) as lines:
        header = next(lines, None)
        if not isinstance(header, Header):
            raise ArchiveError(f"{file} is no export of an event log.")
        if not yes:
            question = f"Restore {header.events:,} events of {header.made_at:%Y-%m-%d %H:%M} UTC?"
            click.confirm(question, abort=True, err=True)
        queued = connections.queue(state).numbers()
        with connections.one_line():
            again = prepare(engine, header, queued=queued, clock=utc_now)
        with counting("Importing", header.events, rate=rate, quiet=as_json) as pace:
            done = restore(engine, header, lines, clock=utc_now, pace=pace)
    told = {"events": done.events, "dead_letters": done.letters, "restored_before": done.known}
    if as_json:
        click.echo(json.dumps({**told, "resumed": again}))
    else:
        click.echo("Restored {events:,} events and {dead_letters:,} dead letters.".format(**told))


@contextlib.contextmanager
def _lines(file: str) -> Iterator[Iterator[Item]]:
    with contextlib.ExitStack() as stack:
        source: IO[bytes]
        if file == "-":
            source = sys.stdin.buffer
        elif file.endswith(".gz"):
            source = cast("IO[bytes]", stack.enter_context(gzip.open(file, "rb")))
        else:
            source = stack.enter_context(Path(file).open("rb"))
        yield _read(source)


def _read(source: IO[bytes]) -> Iterator[Item]:
    try:
        while line := source.readline(_LONGEST_LINE):
            yield read_line(line)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(f"The export is cut off or damaged: {error}.") from error
