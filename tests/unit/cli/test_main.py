"""The `messaging` command as a whole: its lists of verbs, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.main import messaging

pytestmark = pytest.mark.unit


def commands(group: click.Group = messaging, *path: str) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), group
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from commands(command, *path, name)
            else:
                yield " ".join((*path, name)), command


def test_every_verb_and_option_says_in_full_what_it_does() -> None:
    cut_off, silent = list[str](), list[str]()
    for name, command in commands():
        if isinstance(command, click.Group):
            _usage, *lines = (
                CliRunner().invoke(messaging, [*name.split(), "--help"]).stdout.split("\n")
            )
            cut_off += [line for line in lines if line.endswith("...")]
        options = (each for each in command.params if isinstance(each, click.Option))
        silent += [f"{name} --{option.name}" for option in options if not option.help]
    assert (cut_off, silent) == ([], [])


def test_who_reads_no_further_gets_no_traceback() -> None:
    """As with `| head`: the code is that of a program that a closed pipe has ended."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", "events", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, "")
