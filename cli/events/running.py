"""How long work runs: as the operator, with a bar, until it is done or Ctrl-C stops it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from database.engines import create_engine_for
from local_stack import operating
from runtime.errors import MessagingError
from workers.alone import Engines
from workers.pace import InterruptedWorkError, Pace

_INTERRUPTED = 130


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} events/s")


class Screen:
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


def engines(jobs: int = 1) -> Engines:
    """Return how the operator of the stack at hand reaches its database.

    Args:
        jobs: Transactions at once; two more are for holding, comparing and being alone.
    """
    settings = operating.database(operating.existing(os.environ))
    size = jobs + 2
    return Engines(
        operator=create_engine_for(settings, application_name="api-write", pool_size=size),
        worker=create_engine_for(
            settings, application_name="api-write", pool_size=size, as_role="worker"
        ),
    )


@contextmanager
def working(rate: float | None, *, quiet: bool) -> Iterator[tuple[Pace, Screen]]:
    """Do long work; the first Ctrl-C stops it where it is whole, which is exit code 130.

    Args:
        rate: Events a second at most.
        quiet: Show no steps where there is no terminal.

    Raises:
        MessagingError: The database failed.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    # Standard output is for the result, also where both are the same terminal.
    with Progress(
        *columns, console=console, disable=not console.is_terminal, redirect_stdout=False
    ) as progress:
        screen = Screen(progress, quiet=quiet)
        pace = Pace(rate=rate, viewer=screen)
        before = signal.signal(signal.SIGINT, _stopper(pace))
        try:
            yield pace, screen
        except (InterruptedWorkError, KeyboardInterrupt):
            progress.stop()
            click.echo("Stopped. What was done stays done: run it again to go on.", err=True)
            sys.exit(_INTERRUPTED)
        except DBAPIError as error:
            reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
            raise MessagingError(f"The database fails: {reason}: run it again.") from error
        finally:
            signal.signal(signal.SIGINT, before)


def _stopper(pace: Pace) -> Callable[[int, FrameType | None], None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        # A second one means at once.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        pace.stop()

    return stop
