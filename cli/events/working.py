"""How long verbs run: a clean end on Ctrl-C, a cap on their rate, how far they are."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click
from rich.console import Console

from cli.demo.progress import Stage, screen
from workers.pace import InterruptedWorkError, Pace, Unwatched

INTERRUPTED = 130
rate_option = click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Events a second at most."
)


class _Watched(Unwatched):
    """Shows on a stage how far the work is."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def advance(self, events: int) -> None:
        """Count what is done."""
        self._stage.advance(events)


@contextmanager
def working(title: str, total: int, *, rate: float | None = None) -> Iterator[Pace]:
    """Do long work: show its progress on standard error, stop it on Ctrl-C where it is whole.

    Args:
        title: What is done.
        total: How many events there are.
        rate: Events a second at most; None for no cap.

    Raises:
        click.exceptions.Exit: With code 130, if the work was interrupted.
    """
    with screen(Console(stderr=True)) as shown, shown.stage(title, total) as stage:
        pace = Pace(rate=rate, viewer=_Watched(stage))
        with _stopping(pace.stop):
            try:
                yield pace
            except InterruptedWorkError:
                stopped = True
            else:
                stopped = False
    if stopped:
        click.echo("Interrupted; what was done stays. Run it again to go on.", err=True)
        raise click.exceptions.Exit(INTERRUPTED)


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
