"""`messaging events`: the event queues, the event log and what is derived from it."""

from __future__ import annotations

import importlib

import click

# Verb: where it is. The order is that of --help.
_VERBS = {
    "verify": "cli.events.verify:verify",
    "replay": "cli.events.replay:replay",
    "rebuild": "cli.events.rebuild:rebuild",
    "schema": "cli.events.schema:schema",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        if cmd_name not in _VERBS:
            return None
        module, name = _VERBS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  # the table above is ours
        return command


@click.group(cls=_Verbs)
def events() -> None:
    """Look at the events, and at what is derived from them."""
