"""`messaging keys`: the keys that sign tokens."""

from __future__ import annotations

import os

import click

from local_stack import operating


@click.group()
def keys() -> None:
    """Look after the keys that sign tokens."""


@keys.command()
def rotate() -> None:
    """Sign with a new key from now on.

    The key that signed until now goes on verifying, so nobody is logged out; older ones are
    removed. What these signed ends: access tokens have expired long since, and who has not
    refreshed since the rotation before must log in anew. If a key has leaked, rotate twice.
    """
    rotated = operating.existing(os.environ).credentials.rotate_signing_key()
    click.echo(f"signs     {rotated.signs}")
    click.echo(f"verifies  {rotated.verifies or 'no other'}")
    for kid in rotated.removed:
        click.echo(f"removed   {kid}")
