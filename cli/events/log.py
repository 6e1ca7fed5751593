"""`messaging events log`: what became of each event."""

from __future__ import annotations

import json
from typing import Any

import click

from cli.events import connections, shown
from cli.events.filters import filters, selection
from cli.events.tables import table
from events.selection import BEGINNING, Place, events


class _Place(click.ParamType[Place]):
    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        try:
            return value if isinstance(value, Place) else Place.parse(value)
        except ValueError:
            self.fail(f"{value!r} is no place like 3/1771234567890-0", param, ctx)


@click.command()
@filters
@click.option("--status", type=click.Choice(["applied", "rejected", "parked"]), help="Its outcome.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--after", type=_Place(), default=BEGINNING, help="Behind this place: the next page.")
@click.option("--show-text", is_flag=True, help="Show what people wrote.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a table.")
def log(
    *,
    status: str | None,
    limit: int,
    after: Place,
    show_text: bool,
    as_json: bool,
    **named: Any,
) -> None:
    """Show the event log, by partition and offset, a page at a time."""
    engine = connections.reading(connections.stack())
    with connections.one_line(), engine.connect() as connection:
        chosen = selection(connection, named, status=status)
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
