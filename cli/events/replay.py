"""`messaging events replay`: derives chosen conversations again from the log."""

from __future__ import annotations

import json
from typing import Any

import click

from cli.asking import confirm
from cli.events import connections
from cli.events.filters import filters, selection
from cli.events.running import rate_option, working
from workers.alone import alone
from workers.replay import replay as replay_all
from workers.verify import Verification


@click.command(short_help="Derive chosen conversations again from the log.")
@filters
@rate_option
@click.option("--dry-run", is_flag=True, help="Only count what would change.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def replay(*, rate: float | None, dry_run: bool, yes: bool, as_json: bool, **named: Any) -> None:
    """Derive conversations again from the log, and mend what is stored otherwise.

    Filters choose conversations: those with an event that meets all of them; without any, all.
    Each conversation that differs is one transaction, for which the projection of its partition
    waits; who sees it gets new entity tags. Stopped, it may be run again. Revisions are mended
    where whole partitions are replayed.

    Exit code 0: done. 1: not confirmed, or it failed. 2: wrong usage. 130: stopped by Ctrl-C.
    """
    state = connections.stack()
    found = connections.deriving(state)
    with connections.one_line(), found.operator.connect() as connection:
        verification = Verification(found.operator, selection(connection, state, named))
    if not dry_run and not yes:
        chosen = verification.count()
        confirm(
            f"Derive {chosen.conversations:,} conversations again from {chosen.events:,} events,"
            " and overwrite what is stored otherwise?",
        )
    with working(rate, quiet=as_json) as (pace, screen):
        screen.step("Comparing" if dry_run else "Replaying")
        if dry_run:
            for _ in verification.run(pace):
                pass
            rows = verification.verified.rows
            _show(verification, rows, dry_run=True, as_json=as_json)
            return
        with alone(found.operator):
            replayed = replay_all(found.worker, verification, pace)
    _show(verification, replayed.rows, dry_run=False, as_json=as_json)


def _show(
    verification: Verification, rows: dict[str, int], *, dry_run: bool, as_json: bool
) -> None:
    verified = verification.verified
    if as_json:
        shown = {
            "dry_run": dry_run,
            "conversations": verified.conversations,
            "events": verified.events,
            "rows": rows,
        }
        click.echo(json.dumps(shown))
        return
    told = ", ".join(f"{count:,} in {name}" for name, count in rows.items()) or "none"
    click.echo(
        f"{verified.conversations:,} conversations, {verified.events:,} events;"
        f" rows {'that would be mended' if dry_run else 'mended'}: {told}."
    )
