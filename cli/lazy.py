"""A group of commands of which each is loaded only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

# As a shell names who ends by SIGINT and SIGPIPE.
INTERRUPTED = 130
UNHEARD = 141


class LazyGroup(click.Group):
    """Shows its verbs in the order given, and imports the one that is called."""

    def __init__(self, *arguments: Any, verbs: Mapping[str, str], **named: Any) -> None:
        """Take of each verb where it is: `module:name`."""
        super().__init__(*arguments, **named)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the verbs in their order."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import and return the verb `cmd_name`; None where there is none."""
        if cmd_name not in self._verbs:
            return None
        module, name = self._verbs[cmd_name].split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  # the tables are ours
        return command
