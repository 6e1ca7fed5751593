"""Every `messaging` command that a page shows is there, with its options and arguments."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from cli.main import messaging

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:bash|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# In a shell, behind the image of its name, and in the container whose only command it is.
COMMAND = re.compile(
    r"(?:^|\s)(?:(?:messaging )?messaging|\.venv/bin/messaging|run .*\boperator) ([a-z][^\n|>&#;]*)"
)


def shown() -> list[str]:
    return [
        command.strip()
        for page in PAGES
        for block in BLOCK.findall(page.read_text())
        for command in COMMAND.findall(block.replace("\\\n", " "))
    ]


def complaint(shown: str) -> str | None:
    """Return what is wrong with the form of a command; its values are not looked at."""
    words = shlex.split(shown)
    command: click.Command | None = messaging
    while isinstance(command, click.Group):
        with click.Context(command) as context:
            command = command.get_command(context, words.pop(0))
    if command is None:
        return "no such verb"
    try:
        command.make_context(command.name, words)
    except (click.NoSuchOption, click.MissingParameter, click.BadOptionUsage) as error:
        return str(error)
    except click.BadParameter:
        return None
    except click.UsageError as error:
        return str(error)
    return None


def test_pages_show_commands_that_there_are() -> None:
    commands = shown()
    assert len(commands) > 40
    assert {each: wrong for each in commands if (wrong := complaint(each))} == {}
