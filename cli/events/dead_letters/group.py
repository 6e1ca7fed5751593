"""The verbs of `messaging events dead-letters`."""

from __future__ import annotations

import click

from cli.lazy import LazyGroup

_VERBS = {
    "list": "cli.events.dead_letters.show:list_",
    "show": "cli.events.dead_letters.show:show",
    "retry": "cli.events.dead_letters.retry:retry",
    "edit": "cli.events.dead_letters.edit:edit",
    "park": "cli.events.dead_letters.park:park",
    "discard": "cli.events.dead_letters.discard:discard",
}


@click.group(
    "dead-letters",
    cls=LazyGroup,
    verbs=_VERBS,
    short_help="Look after events that could not be applied.",
)
def dead_letters() -> None:
    """See, retry, change or give up events that could not be applied; set one aside.

    A dead letter is named by its place, like 3/1771234567890-0, or by its event's id.
    """
