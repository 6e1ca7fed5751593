"""`messaging events dead-letters retry`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import click
from sqlalchemy import Engine

from cli.events import connections
from cli.events.dead_letters.choosing import chosen, selected
from cli.events.running import counting, rate_option
from events.letters import LetterSelection, letters
from events.selection import Place
from runtime.clock import utc_now
from runtime.words import printable
from workers.pace import Pace
from workers.retries import AT_ONCE
from workers.retry_plan import Held, held, retry_all


@dataclass(kw_only=True)
class Report:
    """What a retry was about, and what it did."""

    dry_run: bool
    conversations: int
    events: int
    applied: int = 0
    rejected: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Events of these conversations that are still parked, as far as they were known before."""
        return max(0, self.events - self.applied - self.rejected)


@click.command(short_help="Apply parked events again, in order.")
@chosen
@click.option("--dry-run", is_flag=True, help="Only count what would be retried.")
@rate_option
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def retry(*, dry_run: bool, rate: float | None, as_json: bool, **named: Any) -> None:
    """Apply parked events: of each conversation all, in order, up to one that fails again.

    What is selected brings its whole conversation with it. A conversation of up to 1,000 parked
    events is retried in one transaction; other conversations go on beside it.

    Exit code 0: all are applied, or refused by a rule. 1: some failed again.
    """
    state = connections.stack()
    engine = connections.reading(state)
    with connections.one_line(), engine.connect() as connection:
        conversations = held(connection, selected(connection, state, named))
    report = Report(
        dry_run=dry_run,
        conversations=len(conversations),
        events=sum(conversation.events for conversation in conversations),
    )
    if not dry_run:
        with counting("Retrying", report.events, rate=rate, quiet=as_json) as pace:
            run(connections.writing(state), conversations, report, pace)
    show(report, as_json=as_json)


def run(engine: Engine, conversations: list[Held], report: Report, pace: Pace) -> None:
    """Retry `conversations` and write into `report` what became of them."""
    at_once = pace.portion(AT_ONCE)
    steps = retry_all(engine, conversations, clock=utc_now, pace=pace, at_once=at_once)
    for conversation, step in steps:
        report.applied += step.applied
        report.rejected += step.rejected
        if step.failed is not None:
            place = Place(conversation.partition, step.failed)
            report.failed.append({"place": str(place), "reason": _reason(engine, place)})


def show(report: Report, *, as_json: bool) -> None:
    """Print `report`; end with code 1 if an event failed."""
    if as_json:
        click.echo(json.dumps({**vars(report), "left": report.left}))
    elif report.dry_run:
        click.echo(
            f"Would retry {report.events:,} events of {report.conversations:,} conversations."
        )
    else:
        done = f"{report.applied:,} applied, {report.rejected:,} refused by a rule"
        click.echo(f"{done}; {report.left:,} of {report.events:,} are still parked.")
        for failed in report.failed:
            click.echo(f"Failed again: {failed['place']}  {printable(failed['reason'])}")
    if report.failed:
        raise click.exceptions.Exit(1)


def _reason(engine: Engine, place: Place) -> str:
    with engine.connect() as connection:
        return letters(connection, LetterSelection(names=(place,)), limit=1)[0].reason
