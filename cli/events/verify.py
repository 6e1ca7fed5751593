"""`messaging events verify`: is the read model what the log says?"""

from __future__ import annotations

import json
from typing import Any

import click

from cli.events import connections, shown
from cli.events.filters import filters, selection
from cli.events.running import WorkScreen, rate_option, working
from workers.pace import Pace
from workers.verify import Difference, Verification, Verified


@click.command(short_help="Compare the read model with the log, value by value.")
@filters
@rate_option
@click.option("--show-text", is_flag=True, help="Show what people wrote, too.")
@click.option("--dry-run", is_flag=True, help="Only count what would be compared.")
@click.option("as_json", "--json", is_flag=True, help="Print a JSON object a line, counts last.")
def verify(
    *, rate: float | None, show_text: bool, dry_run: bool, as_json: bool, **named: Any
) -> None:
    """Fold the log again and report each value of the read model that differs.

    It takes no lock, writes nothing and may run at any time. Filters choose conversations: those
    with an event that meets all of them. Revisions are compared where whole partitions are.

    Exit code 0: all is as the log says. 1: something differs, or it failed. 2: wrong usage.
    130: stopped by Ctrl-C.
    """
    state = connections.stack()
    found = connections.deriving(state)
    with connections.one_line(), found.operator.connect() as connection:
        verification = Verification(found.operator, selection(connection, state, named))
    with working(rate, quiet=as_json) as (pace, screen):
        if dry_run:
            _count(verification, as_json=as_json)
            return
        _report(verification, pace, screen, show_text=show_text, as_json=as_json)
    _summarise(verification.verified, as_json=as_json)
    if not verification.verified.is_clean:
        raise click.exceptions.Exit(1)


def _count(verification: Verification, *, as_json: bool) -> None:
    chosen = verification.count()
    counts = {"conversations": chosen.conversations, "events": chosen.events}
    if as_json:
        click.echo(json.dumps(counts))
    else:
        click.echo(f"{chosen.conversations:,} conversations, {chosen.events:,} events.")


def _report(
    verification: Verification, pace: Pace, screen: WorkScreen, *, show_text: bool, as_json: bool
) -> None:
    screen.step("Verifying")
    for suspects in verification.run(pace):
        for difference in suspects.differences:
            told = as_dict(difference, show_text=show_text)
            click.echo(shown.as_json(told) if as_json else _line(told))


def as_dict(difference: Difference, *, show_text: bool) -> dict[str, Any]:
    """Return a difference for JSON, without what people wrote unless it is asked for."""
    return {
        "partition": difference.partition,
        "table": difference.table,
        "key": difference.key,
        "column": difference.column,
        "expected": _shown(difference.column, difference.expected, text=show_text),
        "found": _shown(difference.column, difference.found, text=show_text),
    }


def _shown(column: str, value: Any, *, text: bool) -> Any:
    if text:
        return value
    return shown.hide(value) if isinstance(value, dict) else shown.hidden(column, value)


def _line(told: dict[str, Any]) -> str:
    key = " ".join(f"{name}={value}" for name, value in told["key"].items())
    sides = (shown.as_json(told[side]) for side in ("expected", "found"))
    return "{} {}: {}: expected {}, found {}".format(told["table"], key, told["column"], *sides)


def _summarise(verified: Verified, *, as_json: bool) -> None:
    counts = {
        "conversations": verified.conversations,
        "events": verified.events,
        "differences": verified.differences,
    }
    if as_json:
        click.echo(json.dumps(counts))
        return
    if not verified.conversations:
        click.echo("No conversation is selected: nothing was compared.")
        return
    of = f"{verified.conversations:,} conversations, {verified.events:,} events"
    if verified.is_clean:
        click.echo(f"All is as the log says: {of}.")
    else:
        told = ", ".join(f"{count:,} in {name}" for name, count in verified.differences.items())
        click.echo(f"Differences: {told}; of {of}. `messaging events replay` mends them.")
