"""`messaging backup` and `messaging restore`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from rich.console import Console

from cli.asking import confirm
from cli.stack import Screen, schema
from local_stack import backup as backups
from local_stack import restore as restoring

_FOLDER = click.Path(path_type=Path, file_okay=False, resolve_path=True)


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option(
    "--with-secrets", is_flag=True, help="With passwords and signing keys, to move the service."
)
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def backup(folder: Path, *, with_secrets: bool, as_json: bool) -> None:
    """Write a back-up of the running stack to the new FOLDER.

    First the database, whose copy is verified, then the queue: what was acknowledged before the
    end is in one of them. FOLDER is for your eyes only: it holds what people wrote.

    Exit code 0: made. 1: not made, FOLDER does not exist. 2: wrong usage.
    """
    console = Console(stderr=True, soft_wrap=True)
    with console.status("Backing up") as spinner:
        note = backups.backup(
            os.environ, folder, Screen(console, spinner), with_secrets=with_secrets
        )
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "made_at": note.made_at}, indent=2))
    else:
        click.echo(f"Backed up to {folder}")


@click.command(short_help="Put a back-up in place of the stopped stack's data.")
@click.argument("folder", type=_FOLDER)
@click.option(
    "--only",
    type=click.Choice([backups.DATABASE, backups.QUEUE]),
    help="Leave the other as it is: with a live queue an older database loses nothing.",
)
@click.option("--with-secrets", is_flag=True, help="Passwords and signing keys too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def restore(
    folder: Path, only: str | None, *, with_secrets: bool, yes: bool, as_json: bool
) -> None:
    """Put the back-up in FOLDER in place of the stopped stack's data.

    What was there is set aside, under names that it prints. Where there is no stack, one is made.

    Exit code 0: restored; run `messaging up`. 1: not restored. 2: wrong usage.
    """
    parts = {only} if only else {backups.DATABASE, backups.QUEUE}
    if with_secrets:
        parts.add(backups.SECRETS)
    if not yes:
        what = " and ".join(sorted(parts))
        confirm(f"Replace {what} by the back-up in {folder}?")
    console = Console(stderr=True, soft_wrap=True)
    with console.status("Restoring") as spinner:
        done = restoring.restore(
            os.environ,
            folder,
            Screen(console, spinner),
            parts=parts,
            history_sql=schema().history_sql,
        )
    aside = [str(path) for path in done.set_aside]
    if as_json:
        click.echo(json.dumps({"made_at": done.made_at, "set_aside": aside}, indent=2))
        return
    click.echo(f"Restored from the back-up of {done.made_at}. Next: messaging up")
    for path in aside:
        click.echo(f"What was there is in {path}: remove it once it is not needed.")
