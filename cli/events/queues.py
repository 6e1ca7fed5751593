"""`messaging events queues`: how far each partition is, and each standby."""

from __future__ import annotations

import json
import time
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text
from sqlalchemy import Engine, text

from cli.events import connections
from cli.events.tables import table
from events import checkpoints, dead_letters, holds, pauses
from events.checkpoints import Checkpoint
from events.holds import Hold
from events.pauses import Pause
from events.queue import EventQueue
from events.selection import Place
from runtime.clock import rfc3339
from runtime.ids import Partition

_STANDBYS = text("SELECT name, state, lag_bytes, lag_seconds FROM public.standbys()")
_EVERY_S = 2.0


@click.command(short_help="Show how far each partition and each standby is.")
@click.option("--watch", is_flag=True, help="Show it again every 2 seconds until Ctrl-C.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON, with --watch a line each time.")
def queues(*, watch: bool, as_json: bool) -> None:
    """Show of each partition head, checkpoint and lag, whether it is paused, what is parked.

    A partition is held where its next event took the database longer than a statement may.

    Below: how far each standby is behind the primary.
    """
    state = connections.stack()
    engine, queue = connections.reading(state), connections.queue(state)
    if not watch:
        found = look(engine, queue)
        if as_json:
            click.echo(json.dumps(found, indent=2))
        else:
            click.echo(_shown(found))
        return
    _watch(engine, queue, as_json=as_json)


def look(engine: Engine, queue: EventQueue) -> dict[str, Any]:
    """Return what `--json` prints.

    Raises:
        MessagingError: Database or Redis is away.
    """
    with connections.one_line(), engine.connect() as connection:
        known = checkpoints.read_all(connection)
        held = {hold.partition: hold for hold in holds.held(connection)}
        paused = {pause.partition: pause for pause in pauses.paused(connection)}
        parked = dead_letters.count_parked(connection)
        standbys = [dict(row) for row in connection.execute(_STANDBYS).mappings()]
    # The checkpoints came first: what was applied in between may only make the lag too large.
    numbers = queue.numbers()
    return {
        "partitions": [
            {
                **_partition(queue, checkpoint, numbers[checkpoint.partition]),
                **_pause(paused.get(checkpoint.partition)),
                **_hold(held.get(checkpoint.partition)),
                "parked": parked.get(checkpoint.partition, 0),
            }
            for checkpoint in known
        ],
        "standbys": standbys,
    }


def _partition(queue: EventQueue, checkpoint: Checkpoint, newest: int) -> dict[str, Any]:
    partition = Partition(checkpoint.partition)
    lag = max(0, newest - checkpoint.number)
    waiting = queue.read(partition, after=checkpoint.offset, limit=1) if lag else []
    seconds = (queue.now_ms() - waiting[0].offset.ms) / 1000 if waiting else 0.0
    head = queue.head(partition)
    return {
        "partition": partition,
        "head": str(head) if head else None,
        "checkpoint": str(checkpoint.offset),
        "lag_events": lag,
        "lag_seconds": round(max(0.0, seconds), 3),
        "next": str(Place(partition, waiting[0].offset)) if waiting else None,
    }


def _pause(pause: Pause | None) -> dict[str, Any]:
    return {
        "paused": pause is not None,
        "paused_since": rfc3339(pause.since) if pause else None,
        "paused_reason": pause.reason if pause else None,
    }


def _hold(hold: Hold | None) -> dict[str, Any]:
    return {
        "held": hold is not None,
        "held_since": rfc3339(hold.since) if hold else None,
        "held_reason": hold.reason if hold else None,
    }


def _watch(engine: Engine, queue: EventQueue, *, as_json: bool) -> None:
    if as_json:
        while True:
            click.echo(json.dumps(look(engine, queue)))
            time.sleep(_EVERY_S)
    with Live(_text(engine, queue), console=Console(), auto_refresh=False) as live:
        while True:
            time.sleep(_EVERY_S)
            live.update(_text(engine, queue), refresh=True)


def _text(engine: Engine, queue: EventQueue) -> Text:
    return Text(_shown(look(engine, queue)), no_wrap=True)


def _shown(found: dict[str, Any]) -> str:
    titles = (
        "partition",
        "head",
        "checkpoint",
        "lag events",
        "lag s",
        "parked",
        "paused",
        "held by",
    )
    rows = [
        [
            row["partition"],
            row["head"],
            row["checkpoint"],
            row["lag_events"],
            f"{row['lag_seconds']:,.1f}",
            row["parked"],
            row["paused_reason"],
            f"{row['next']}: {row['held_reason']}" if row["held"] and row["next"] else None,
        ]
        for row in found["partitions"]
    ]
    standbys = [
        [row["name"], row["state"], row["lag_bytes"] or 0, f"{row['lag_seconds']:.3f}"]
        for row in found["standbys"]
    ]
    behind = table(("standby", "state", "lag bytes", "lag s"), standbys)
    return f"{table(titles, rows)}\n\n{behind}"
