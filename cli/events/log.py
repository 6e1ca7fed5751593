"""`messaging events log`: what became of each event."""

from __future__ import annotations

import json
from typing import Any

import click

from cli.events import connections, shown
from cli.events.filters import filters, paged, selection
from cli.events.tables import table
from events.selection import Place, events


@click.command(short_help="Show what became of each event, a page at a time.")
@filters
@paged
@click.option("--show-text", is_flag=True, help="Show what people wrote.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a table.")
def log(*, limit: int, after: Place, show_text: bool, as_json: bool, **named: Any) -> None:
    """Show the event log, by partition and offset, a page at a time."""
    state = connections.stack()
    engine = connections.reading(state)
    with connections.one_line(), engine.connect() as connection:
        chosen = selection(connection, state, named)
        found = events(connection, chosen, after=after, limit=limit + 1)
    page = [shown.event(row, text=show_text) for row in found[:limit]]
    following = page[-1]["place"] if len(found) > limit else None
    if as_json:
        click.echo(shown.as_json({"events": page, "next": following}, indent=2))
        return
    _print(page, text=show_text)
    if following:
        click.echo(f"More: --after {following}")


_COLUMNS = {
    "place": "place",
    "accepted": "occurred_at",
    "type": "type",
    "outcome": "outcome",
    "position": "position",
    "conversation": "conversation_id",
    "actor": "actor_id",
    "reason": "reason",
}


def _print(page: list[dict[str, Any]], *, text: bool) -> None:
    titles = [*_COLUMNS, *(["data"] if text else [])]
    rows = [
        [
            *(row[column] for column in _COLUMNS.values()),
            *([json.dumps(row["data"], ensure_ascii=False)] if text else []),
        ]
        for row in page
    ]
    click.echo(table(titles, rows))
