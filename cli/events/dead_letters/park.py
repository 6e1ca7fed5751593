"""`messaging events dead-letters park`."""

from __future__ import annotations

import json
from typing import Any

import click
from sqlalchemy import Engine

from cli.asking import confirm
from cli.events import connections
from cli.events.filters import partition_of
from cli.events.values import At, Words
from events import checkpoints
from events.contracts.envelope import attributes_of
from events.entries import Entry
from events.queue import EventQueue
from events.selection import Place
from runtime.clock import utc_now
from runtime.words import printable
from workers.by_hand import check_next, next_entry, set_aside


@click.command()
@click.argument("place", type=At())
@click.option(
    "--reason", type=Words(), default="set aside by an operator", show_default=True, help="Why."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be parked.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def park(place: Place, *, reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Set aside the event that holds its partition up.

    It must be the next one to be applied: `messaging events queues` names it. It becomes a dead
    letter: later events of its conversation wait behind it, all others go on; `retry` applies them.
    Where a projector is at it, this waits.

    Exit code 0: done. 1: it is not the next event, not confirmed, or something is away.
    """
    state = connections.stack()
    partition_of(state, place.partition, "PLACE")
    engine, queue = connections.reading(state), connections.queue(state)
    found = _described(place, _next(engine, queue, place))
    parked = False
    if not dry_run:
        if not yes:
            question = f"Set {place} aside, {found['type']} of {found['conversation_id']}?"
            confirm(printable(question))
        with connections.one_line():
            writer = connections.writing(state)
            parked = set_aside(writer, queue, place, reason=reason, clock=utc_now)
    if as_json:
        click.echo(json.dumps({**found, "dry_run": dry_run, "parked": parked}))
    else:
        click.echo(printable(_line(found, dry_run=dry_run, parked=parked)))


def _next(engine: Engine, queue: EventQueue, place: Place) -> Entry:
    with connections.one_line(), engine.connect() as connection:
        checkpoint = checkpoints.read(connection, place.partition)
    return check_next(place, next_entry(queue, checkpoint))


def _described(place: Place, entry: Entry) -> dict[str, Any]:
    attributes = attributes_of(entry.envelope)
    return {
        "place": str(place),
        "event_id": attributes.get("id"),
        "type": attributes.get("type"),
        "conversation_id": attributes.get("partitionkey"),
        "actor_id": attributes.get("actor"),
    }


def _line(found: dict[str, Any], *, dry_run: bool, parked: bool) -> str:
    what = f"{found['place']}, {found['type']} {found['event_id']} of {found['conversation_id']}"
    if dry_run:
        return f"Would set aside {what}."
    return f"Set aside {what}." if parked else f"{what} is in the log already: passed over."
