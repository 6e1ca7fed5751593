"""`messaging demo`."""

from __future__ import annotations

import importlib.resources
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console

from cli.demo import service as services
from cli.demo.accounts import Accounts
from cli.demo.book import kept
from cli.demo.chat_file import ChatFile, open_chat_file
from cli.demo.client import Client, Troubles, connect
from cli.demo.demo import Demo
from cli.demo.outgoing import outgoing, take_census
from cli.demo.parallel import Stop
from cli.demo.progress import screen
from cli.demo.report import Report
from cli.demo.showing import show

SAMPLE = "sample/ubuntu-irc-sample.jsonl"
_CONNECTIONS = 16
_INTERRUPTED = 130


@click.command()
@click.option("--messages", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    metavar="F",
    help='Messages, one a line: {"from": "a", "to": "b", "body": "…"}, gzipped or not; other'
    " fields are ignored. Without it: 400 messages of #ubuntu.",
)
@click.option("--url", metavar="URL", help="Another service than the one that runs here.")
@click.option("as_json", "--json", is_flag=True, help="Print the figures as JSON.")
def demo(*, messages: int | None, path: Path | None, url: str | None, as_json: bool) -> None:
    """Send the messages of a chat file and look whether they arrive.

    Registers the people of the file, sends what they wrote through the HTTP API, waits until all
    of it is visible, verifies it, and shows one conversation as its two people see it.
    """
    with _chat_file(path) as chat:
        report = _Run(chat, messages).against(url)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        show(report, Console())
    sys.exit(0 if report.outcome.is_good else 1)


@contextmanager
def _chat_file(path: Path | None) -> Iterator[ChatFile]:
    with ExitStack() as stack:
        if path is None:
            sample = importlib.resources.files("cli.demo") / SAMPLE
            path = stack.enter_context(importlib.resources.as_file(sample))
        yield stack.enter_context(open_chat_file(path))


class _Run:
    """One run of the demo with a chat file, read to its end or to the last message wanted."""

    def __init__(self, chat: ChatFile, most: int | None) -> None:
        self._chat = chat
        self._most = most
        self._census = take_census(chat.lines(most))

    def against(self, url: str | None) -> Report:
        """Return how the demo went with the service at `url`, else with the stack here."""
        service = services.find(os.environ, url)
        console = Console(stderr=True)
        stop = Stop()
        with ExitStack() as stack:
            http = stack.enter_context(
                connect(
                    service.url, connections=_CONNECTIONS, trust_environment=not service.is_local
                )
            )
            began_at = services.greet(http, service)
            book = stack.enter_context(kept(service.book))
            shown = stack.enter_context(screen(console))
            troubles = Troubles(tell=shown.trouble)
            accounts = Accounts(Client(http, troubles=troubles, pause=stop.pause), book)
            demo = Demo(accounts, shown, stop=stop, began_at=began_at)
            with _stoppable(demo):
                outcome = demo.run(self._census, outgoing(self._chat.lines(self._most)))
        return Report(
            url=service.url,
            file=self._chat.name,
            census=self._census,
            outcome=outcome,
            retries=troubles.retries,
            limited=troubles.limited,
        )


@contextmanager
def _stoppable(demo: Demo) -> Iterator[None]:
    """Let Ctrl-C end the demo with one line."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"Stopped; {demo.accepted:,} messages had been accepted.", err=True)
        sys.exit(_INTERRUPTED)
