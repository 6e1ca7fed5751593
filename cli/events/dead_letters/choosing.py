"""Which dead letters a verb is about: by name, by filter, or all."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

import click
from sqlalchemy import Connection

from cli.events.filters import F, letter_filters, selection
from cli.events.values import Name, Words
from events.letters import Letter, LetterSelection, State, letters
from events.selection import EVERYTHING, Place
from local_stack.state import State as Stack
from runtime.errors import MessagingError

T = TypeVar("T")
_NAMES = click.argument("names", metavar="[NAME]...", type=Name(), nargs=-1)
_REASON = click.option("--reason", type=Words(), help="Whose reason holds this text.")
_ALL = click.option("everything", "--all", is_flag=True, help="All that are parked.")


class DeadLetterUnknownError(MessagingError):
    """There is no such dead letter."""


def chosen(function: F) -> F:
    """Add names, filters and `--all`."""
    return _NAMES(letter_filters(_REASON(_ALL(function))))


def selected(connection: Connection, stack: Stack, named: dict[str, Any]) -> LetterSelection:
    """Return what `chosen` options select among what is parked.

    Raises:
        click.UsageError: Nothing was said, or both all and some.
        DeadLetterUnknownError: A name is not that of a parked event.
    """
    names, reason = named.pop("names"), named.pop("reason")
    everything = named.pop("everything")
    events = selection(connection, stack, named)
    some = bool(names) or reason is not None or events != EVERYTHING
    if everything == some:
        raise click.UsageError("Name dead letters, or filter them, or say --all.")
    for name in names:
        one(connection, name, state="parked")
    return LetterSelection(events=events, state="parked", reason=reason, names=names)


def one(connection: Connection, name: Place | UUID, *, state: State | None = None) -> Letter:
    """Return the dead letter of this name.

    Raises:
        DeadLetterUnknownError: There is none, or several, or none in this state.
    """
    found = letters(connection, LetterSelection(names=(name,), state=state), limit=2)
    if not found:
        kind = f"{state} dead letter" if state else "dead letter"
        raise DeadLetterUnknownError(f"There is no {kind} {name}.")
    if len(found) > 1:
        places = " and ".join(str(letter.place) for letter in found)
        raise DeadLetterUnknownError(f"{name} was set aside at {places}: name the place.")
    return found[0]
