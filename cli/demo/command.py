"""`messaging demo`."""

from __future__ import annotations

import importlib.resources
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console

from cli.demo import service as services
from cli.demo.accounts import Accounts
from cli.demo.book import kept
from cli.demo.chat_file import ChatFile, open_chat_file
from cli.demo.demo import Demo
from cli.demo.outgoing import Census, outgoing, take_census
from cli.demo.parallel import Stop
from cli.demo.progress import screen
from cli.demo.report import Outcome, Report
from cli.demo.service import Service
from cli.demo.showing import show
from cli.demo.troubles import Troubles, client_factory, explained
from cli.lazy import INTERRUPTED
from messaging_client import MessagingError, http_client

SAMPLE = "sample/ubuntu-irc-sample.jsonl"


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
    run = _Run(url, most=messages)
    try:
        with _chat_file(path) as chat:
            report = run.report(chat)
    except KeyboardInterrupt:
        click.echo(f"Stopped; {run.accepted:,} messages had been accepted.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        show(report, Console())
    raise click.exceptions.Exit(0 if report.outcome.is_good else 1)


@contextmanager
def _chat_file(path: Path | None) -> Iterator[ChatFile]:
    with ExitStack() as stack:
        if path is None:
            sample = importlib.resources.files("cli.demo") / SAMPLE
            path = stack.enter_context(importlib.resources.as_file(sample))
        yield stack.enter_context(open_chat_file(path))


class _Run:
    """One run of the demo against the service at `url`, else against the stack here."""

    def __init__(self, url: str | None, *, most: int | None) -> None:
        self._url = url
        self._most = most
        self._demo: Demo | None = None

    @property
    def accepted(self) -> int:
        """How many messages have been accepted so far."""
        return self._demo.accepted if self._demo else 0

    def report(self, chat: ChatFile) -> Report:
        """Return how it went with `chat`, which is read to its end before anything is sent."""
        census = take_census(chat.lines(self._most))
        service = services.find(os.environ, self._url)
        troubles = Troubles()
        outcome = self._outcome(chat, census, service, troubles)
        return Report(
            url=service.url,
            file=chat.name,
            census=census,
            outcome=outcome,
            retries=troubles.retries,
            limited=troubles.limited,
        )

    def _outcome(
        self, chat: ChatFile, census: Census, service: Service, troubles: Troubles
    ) -> Outcome:
        stop = Stop()
        with ExitStack() as stack:
            http = stack.enter_context(http_client(service.url, trust_env=not service.is_local))
            began_at = services.greet(http, service)
            book = stack.enter_context(kept(service.book))
            shown = stack.enter_context(screen(Console(stderr=True)))
            # What fails once the demo stops is what was under way when its connection was closed.
            troubles.tell = lambda text: None if stop.is_set() else shown.trouble(text)
            accounts = Accounts(client_factory(http, troubles, pause=stop.pause), book)
            self._demo = Demo(accounts, shown, stop=stop, began_at=began_at)
            try:
                return self._demo.run(census, outgoing(chat.lines(self._most)))
            except MessagingError as error:
                raise explained(error) from error
