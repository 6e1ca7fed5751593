"""`messaging events pause` and `resume`: stop applying a partition's events, and go on."""

from __future__ import annotations

import json

import click
from sqlalchemy import Engine

from cli.events import connections
from cli.events.filters import partition_of
from cli.events.values import Words
from events import pauses
from local_stack.state import State
from runtime.clock import utc_now
from runtime.errors import MessagingError
from runtime.ids import Partition

_NAMED = "PARTITION|all"
_WHICH = click.argument("which", metavar=_NAMED)
_JSON = click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")


@click.command(short_help="Stop applying a partition's events, or all.")
@_WHICH
@click.option(
    "--reason", type=Words(), default="paused by an operator", show_default=True, help="Why."
)
@_JSON
def pause(which: str, *, reason: str, as_json: bool) -> None:
    """Apply nothing more of a partition, or of all, until `resume`.

    Commands are accepted all the same, and wait. A batch that is being applied is awaited: once
    this ends, nothing of the partition is applied.
    """
    state = connections.stack()
    engine = connections.writing(state)
    changed = set[Partition]()
    for partition in _partitions(state, which):
        # One by one: a batch in one partition holds up no other.
        with connections.one_line(), engine.begin() as transaction:
            changed |= pauses.pause(transaction, [partition], reason=reason, now=utc_now())
    _show("paused", changed, engine, as_json=as_json)


@click.command(short_help="Apply a partition's events again, or all.")
@_WHICH
@_JSON
def resume(which: str, *, as_json: bool) -> None:
    """Apply a partition's events again, or all partitions'; it begins within three seconds.

    Poison of before no longer counts against the limit that stops a partition. What an import has
    paused goes on once the import is complete, and by nothing else.
    """
    state = connections.stack()
    engine = connections.writing(state)
    wanted = _partitions(state, which)
    _refuse_imported(engine, wanted)
    changed = set[Partition]()
    for partition in wanted:
        with connections.one_line(), engine.begin() as transaction:
            changed |= pauses.resume(transaction, [partition], now=utc_now())
    _show("resumed", changed, engine, as_json=as_json)


def _partitions(state: State, which: str) -> list[Partition]:
    if which == "all":
        return list(map(Partition, range(state.record.event_partitions)))
    if not which.isdecimal():
        raise click.BadParameter(
            f"{which!r} is neither a partition's number nor all.", param_hint=_NAMED
        )
    return [partition_of(state, int(which), _NAMED)]


def _refuse_imported(engine: Engine, wanted: list[Partition]) -> None:
    """Raise MessagingError where an import is not complete: half of it would be taken for all."""
    with connections.one_line(), engine.connect() as connection:
        for pause in pauses.paused(connection):
            if pause.by == "import" and pause.partition in wanted:
                raise MessagingError(
                    f"Partition {pause.partition} waits for an import that is not complete:"
                    " run it again with the same file, or begin anew with an empty service."
                )


def _show(done: str, changed: set[Partition], engine: Engine, *, as_json: bool) -> None:
    with connections.one_line(), engine.connect() as connection:
        now = [pause.partition for pause in pauses.paused(connection)]
    if as_json:
        click.echo(json.dumps({done: sorted(changed), "now_paused": now}))
        return
    names = ", ".join(map(str, sorted(changed)))
    click.echo(f"{done.capitalize()}: {names or 'none; that is how it was already'}")
