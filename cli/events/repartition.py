"""`messaging events repartition`: more partitions."""

from __future__ import annotations

import json
import os

import click
from rich.console import Console
from sqlalchemy import Engine

from cli.asking import confirm
from cli.events import connections
from cli.stack import Screen
from database.engines import create_engine_for
from events import checkpoints
from events import repartition as moving
from events.tail import tail_behind
from local_stack import operating, repartitioning
from local_stack.repartitioning import Steps
from local_stack.state import State
from runtime.clock import utc_now
from workers import selecting

_QUESTION = "Refuse commands until all events are moved to {count} partitions? Reads go on."


@click.command(short_help="Use more partitions from now on.")
@click.argument("count", type=click.IntRange(min=2))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a line.")
def repartition(count: int, *, yes: bool, as_json: bool) -> None:
    """Use COUNT partitions from now on: a power of two above the present number.

    Commands are 503 meanwhile, reads go on. What was accepted is applied first; then all events
    move in one transaction. Consistency tokens of before are 400 from then on. Interrupted, it is
    completed by running it again. A back-up of before does not fit any more: make one.

    Exit code 0: done. 1: not done, or not confirmed. 2: wrong usage.
    """
    state = connections.stack()
    steps = _steps(state, count)
    if not yes:
        steps.check()
        confirm(_QUESTION.format(count=count))
    console = Console(stderr=True, soft_wrap=True)
    with console.status("Repartitioning") as spinner:
        moved = repartitioning.repartition(os.environ, count, Screen(console, spinner), steps=steps)
    if as_json:
        click.echo(json.dumps({"partitions": count, "events_moved": moved}))
    else:
        click.echo(f"{count} partitions; {moved:,} events were moved. Next: messaging backup")


def _steps(state: State, count: int) -> Steps:
    primary = _engine(state, "primary", "messaging_owner")
    replica = _engine(state, "replica", "operator")
    # As many as there will be: of those that are not there yet it knows no entry.
    queue = connections.queue(state, partitions=count)
    worker = connections.queue(state, by=operating.queue(state))

    def check() -> None:
        with connections.one_line(), primary.connect() as connection:
            moving.check(connection, count)

    def left() -> int:
        with connections.one_line(), primary.connect() as connection:
            tail = tail_behind(queue, checkpoints.read_all(connection))
            return tail.retained + tail.missing

    def move() -> int:
        worker.close()
        with connections.one_line(), primary.begin() as transaction:
            return moving.move(transaction, count, now=utc_now())

    def replicated() -> bool:
        with connections.one_line(), replica.connect() as connection:
            return selecting.partitions(connection) == count

    return Steps(check=check, left=left, move=move, replicated=replicated)


def _engine(state: State, server: str, role: str) -> Engine:
    settings = operating.database_at(state, server, role)
    return create_engine_for(settings, application_name="api-write", pool_size=1)
