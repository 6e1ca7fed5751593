"""The `messaging` command as a whole: its lists of verbs, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from cli.main import messaging

pytestmark = pytest.mark.unit


def groups(group: click.Group = messaging, *path: str) -> list[list[str]]:
    found = [list(path)]
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                found += groups(command, *path, name)
    return found


@pytest.mark.parametrize("path", groups(), ids=" ".join)
def test_a_list_of_verbs_says_of_each_all_that_it_says(path: list[str]) -> None:
    listed = CliRunner().invoke(messaging, [*path, "--help"]).stdout
    _usage, *lines = listed.splitlines()
    assert [line for line in lines if line.endswith("...")] == []


def options(group: click.Group = messaging, *path: str) -> list[tuple[str, click.Option]]:
    found = list[tuple[str, click.Option]]()
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            words = " ".join((*path, name))
            if isinstance(command, click.Group):
                found += options(command, *path, name)
            found += [(words, p) for p in command.params if isinstance(p, click.Option)]
    return found


def test_every_option_says_what_it_does() -> None:
    assert [f"{words} {option.name}" for words, option in options() if not option.help] == []


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
