"""How long work runs: at a capped rate, with a bar, until it is done or Ctrl-C stops it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click
from rich.console import Console
from rich.progress import Progress

from cli.bars import columns
from cli.events import connections
from cli.events.values import Rate
from cli.lazy import INTERRUPTED
from workers.pace import InterruptedWorkError, Pace

rate_option = click.option("--rate", type=Rate(), help="Events a second at most.")


class WorkScreen:
    """Shows on standard error what is being done and how far it is; the pace tells it."""

    def __init__(self, progress: Progress, *, quiet: bool) -> None:
        """Show on `progress`; where it is no terminal, show each step as a line."""
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._lines = not quiet and not progress.console.is_terminal

    def expect(self, events: int) -> None:
        """Show how much there is to do."""
        self._progress.update(self._task, total=events)

    def step(self, text: str) -> None:
        """Show what is being done now."""
        self._progress.update(self._task, description=text)
        if self._lines:
            click.echo(text, err=True)

    def advance(self, events: int) -> None:
        """Show that so many events more are done."""
        self._progress.advance(self._task, events)


@contextmanager
def working(rate: float | None, *, quiet: bool) -> Iterator[tuple[Pace, WorkScreen]]:
    """Do long work; the first Ctrl-C stops it where it is whole, which is exit code 130.

    Args:
        rate: Events a second at most.
        quiet: Show no steps where there is no terminal.

    Raises:
        MessagingError: The database failed.
    """
    console = Console(stderr=True)
    # Standard output is for the result, also where both are the same terminal.
    with Progress(
        *columns("events"),
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=False,
    ) as progress:
        screen = WorkScreen(progress, quiet=quiet)
        pace = Pace(rate=rate, viewer=screen)
        try:
            with _stopping(pace.stop), connections.one_line():
                yield pace, screen
        except (InterruptedWorkError, KeyboardInterrupt):
            progress.stop()
            click.echo("Stopped. What was done stays done: run it again to go on.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


@contextmanager
def counting(
    title: str, total: int, *, rate: float | None = None, quiet: bool = False
) -> Iterator[Pace]:
    """Do long work of one kind, whose length is known; see `working`.

    Args:
        title: What is done.
        total: How many events there are; 0 where nobody knows.
        rate: Events a second at most; None for no cap.
        quiet: Show nothing meanwhile.
    """
    with working(rate, quiet=quiet) as (pace, screen):
        screen.step(title)
        if total:
            screen.expect(total)
        yield pace


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first Ctrl-C or SIGTERM; a second one ends the command at once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def heard(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop()

    for number in before:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
