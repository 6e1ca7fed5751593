"""`messaging events dead-letters discard`."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import click
from sqlalchemy import Engine

from cli.asking import confirm
from cli.events import connections
from cli.events.dead_letters.choosing import chosen, selected
from cli.events.running import counting, rate_option
from events import checkpoints, letters, parked
from events.contracts.offsets import Offset
from runtime.clock import utc_now
from runtime.ids import Partition
from workers.pace import Pace

_AT_ONCE = 500


@click.command(short_help="Give parked events up for ever.")
@chosen
@click.option("--dry-run", is_flag=True, help="Only count what would be discarded.")
@rate_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def discard(*, dry_run: bool, rate: float | None, yes: bool, as_json: bool, **named: Any) -> None:
    """Give parked events up: they will never be applied. Their entries are kept.

    Only those selected, not their conversations: what waits behind goes on once it is retried, or
    with the next event if nothing else of its conversation is parked.

    Exit code 0: done. 1: not confirmed, or something is away.
    """
    state = connections.stack()
    engine = connections.reading(state)
    places: defaultdict[Partition, list[Offset]] = defaultdict(list)
    with connections.one_line(), engine.connect() as connection:
        for place in letters.places(connection, selected(connection, state, named)):
            places[place.partition].append(place.offset)
    events = sum(map(len, places.values()))
    discarded = 0
    if events and not dry_run:
        if not yes:
            confirm(f"Give up {events:,} events for ever?")
        with counting("Discarding", events, rate=rate, quiet=as_json) as pace:
            discarded = _discard(connections.writing(state), places, pace)
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "events": events, "discarded": discarded}))
    elif dry_run:
        click.echo(f"Would discard {events:,} events.")
    else:
        click.echo(f"Discarded {discarded:,} events.")


def _discard(engine: Engine, places: dict[Partition, list[Offset]], pace: Pace) -> int:
    discarded = 0
    at_once = pace.portion(_AT_ONCE)
    for partition, offsets in places.items():
        for start in range(0, len(offsets), at_once):
            some = offsets[start : start + at_once]
            with engine.begin() as transaction:
                checkpoints.await_lock(transaction, partition)
                discarded += parked.discard(transaction, partition, some, now=utc_now())
            pace.done(len(some))
    return discarded
