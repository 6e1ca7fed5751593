"""The verbs of `messaging events`."""

from __future__ import annotations

import click

from cli.lazy import LazyGroup

_VERBS = {
    "queues": "cli.events.queues:queues",
    "pause": "cli.events.pauses:pause",
    "resume": "cli.events.pauses:resume",
    "log": "cli.events.log:log",
    "export": "cli.events.export:export",
    "import": "cli.events.importing:import_",
    "dead-letters": "cli.events.dead_letters.group:dead_letters",
    "verify": "cli.events.verify:verify",
    "replay": "cli.events.replay:replay",
    "rebuild": "cli.events.rebuild:rebuild",
    "repartition": "cli.events.repartition:repartition",
    "schema": "cli.events.schema:schema",
}


@click.group(
    cls=LazyGroup, verbs=_VERBS, short_help="Look after event queues, event log and dead letters."
)
def events() -> None:
    """Look after the event queues, the event log and the dead letters.

    Exit codes: 0 done; 1 failed, or something is left; 2 wrong usage; 130 interrupted;
    141 whoever read the output went away.
    """
