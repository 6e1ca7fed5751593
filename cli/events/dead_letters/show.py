"""`messaging events dead-letters list` and `show`."""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import UUID

import click

from cli.events import connections, shown
from cli.events.dead_letters.choosing import one
from cli.events.filters import letter_filters, paged, selection
from cli.events.tables import table
from cli.events.values import Name, Words
from events.letters import LetterSelection, State, letters
from events.selection import Place
from runtime.words import printable


@click.command("list")
@letter_filters
@click.option("--reason", type=Words(), help="Whose reason holds this text.")
@click.option(
    "--state",
    type=click.Choice(["parked", "retried", "discarded", "any"]),
    default="parked",
    show_default=True,
    help="What became of them.",
)
@click.option("--causes", is_flag=True, help="Not those that only wait behind another.")
@paged
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a table.")
def list_(
    *,
    reason: str | None,
    state: str,
    causes: bool,
    limit: int,
    after: Place,
    as_json: bool,
    **named: Any,
) -> None:
    """List dead letters, by partition and offset, a page at a time."""
    stack = connections.stack()
    engine = connections.reading(stack)
    with connections.one_line(), engine.connect() as connection:
        chosen = LetterSelection(
            events=selection(connection, stack, named),
            state=None if state == "any" else cast("State", state),
            reason=reason,
            causes=causes,
        )
        found = letters(connection, chosen, after=after, limit=limit + 1)
    page = [shown.letter(letter) for letter in found[:limit]]
    following = page[-1]["place"] if len(found) > limit else None
    if as_json:
        click.echo(json.dumps({"dead_letters": page, "next": following}, indent=2))
        return
    _print(page)
    if following:
        click.echo(f"More: --after {following}")


@click.command(short_help="Show one dead letter, why and where it failed.")
@click.argument("name", type=Name())
@click.option("--show-text", is_flag=True, help="Show what people wrote.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON on one line.")
def show(name: Place | UUID, *, show_text: bool, as_json: bool) -> None:
    """Show one dead letter: its entry as it was found, why and where it failed."""
    engine = connections.reading(connections.stack())
    with connections.one_line(), engine.connect() as connection:
        found = shown.whole_letter(one(connection, name), text=show_text)
    if as_json:
        click.echo(shown.as_json(found))
        return
    traceback = found.pop("traceback")
    click.echo(shown.as_json(found, indent=2))
    if traceback:
        click.echo(f"\n{printable(traceback.rstrip())}")


def _print(page: list[dict[str, Any]]) -> None:
    titles = ("place", "parked", "state", "tries", "type", "conversation", "reason")
    columns = ("place", "parked_at", "state", "attempts", "type", "conversation_id", "reason")
    click.echo(table(titles, [[row[column] for column in columns] for row in page]))
