"""The `messaging` command: a thin list of verbs, each loaded only when it is used."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from cli.lazy import INTERRUPTED, UNHEARD, LazyGroup
from local_stack.errors import explain
from runtime.errors import MessagingError
from runtime.words import printable

# Verb: where it is. The order is that of --help.
_VERBS = {
    "up": "cli.stack:up",
    "down": "cli.stack:down",
    "status": "cli.stack:status",
    "logs": "cli.stack:logs",
    "containers": "cli.containers:containers",
    "stack": "cli.failover:stack",
    "backup": "cli.backups:backup",
    "restore": "cli.backups:restore",
    "accounts": "cli.accounts:accounts",
    "keys": "cli.keys:keys",
    "events": "cli.events.group:events",
    "demo": "cli.demo.command:demo",
}


class _Messaging(LazyGroup):
    def invoke(self, ctx: click.Context) -> Any:
        # To click an interruption is the same as "no" to a question, which is exit code 1.
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # As `head` leaves us. Neither done nor failed: what was not told is not known.
            _write_nowhere()
            raise click.exceptions.Exit(UNHEARD) from None


def _write_nowhere() -> None:
    """Have what is still to be written at the end fail no more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())


@click.group(cls=_Messaging, verbs=_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="messaging")
def messaging() -> None:
    """Run and operate the messaging service."""


def main() -> None:
    """Run the command; what cannot be done is one line on standard error and exit code 1."""
    try:
        messaging()
    except MessagingError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"Error: {explain(error)}", err=True)
        sys.exit(1)
