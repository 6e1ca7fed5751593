"""Says how far the demo is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.progress import Progress
from rich.text import Text

from cli.bars import columns

_LINE_EVERY_S = 10.0


class Stage(Protocol):
    """A part of the demo whose length is known."""

    def advance(self, done: int = 1) -> None:
        """Count what is done; any thread may call it."""

    @property
    def seconds(self) -> float:
        """How long it has taken."""


class DemoScreen(Protocol):
    """Where the demo says how far it is."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Stage]:
        """Show a part of the demo until the end of the block."""

    def trouble(self, text: str) -> None:
        """Show what holds the demo up; nothing does if `text` is empty."""


class _Timed:
    """A stage that knows its time."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._began = time.monotonic()

    def advance(self, done: int = 1) -> None:
        self._advance(done)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


class _Display(Progress):
    """The bars, and below them what holds the demo up."""

    trouble = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.trouble:
            text = f"Trying again: {self.trouble}"
            yield Text(text, style="yellow", no_wrap=True, overflow="ellipsis")


class Bars:
    """A bar for each stage, with rate and time left."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`, a terminal."""
        self._progress = _Display(*columns(), console=console)

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Stage]:
        """Show a part of the demo until the end of the block."""
        task = self._progress.add_task(title, total=total, visible=total > 0)
        yield _Timed(lambda done: self._progress.advance(task, done))
        self._progress.stop_task(task)

    def trouble(self, text: str) -> None:
        """Show what holds the demo up; nothing does if `text` is empty."""
        self._progress.trouble = text

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Leave the bars as they are."""
        self._progress.stop()


class Lines:
    """A line at the beginning and the end of each stage, and every ten seconds between."""

    def __init__(self, console: Console) -> None:
        """Write to `console`."""
        self._console = console
        self._lock = threading.Lock()
        self._trouble = ""

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Stage]:
        """Write how far a part of the demo is until the end of the block."""
        done, told_at = 0, time.monotonic()

        def advance(more: int) -> None:
            nonlocal done, told_at
            with self._lock:
                done += more
                if done < total and time.monotonic() - told_at > _LINE_EVERY_S:
                    told_at = time.monotonic()
                    self._write(f"{title}: {done:,} of {total:,}")

        timed = _Timed(advance)
        if total:
            self._write(f"{title}: {total:,}")
        yield timed
        if total:
            self._write(f"{title}: {done:,} in {timed.seconds:.1f} s")

    def trouble(self, text: str) -> None:
        """Write what holds the demo up, when it changes; nothing does if `text` is empty."""
        with self._lock:
            changed, self._trouble = text != self._trouble, text
        if changed:
            self._write(f"Trying again: {text}" if text else "It answers again.")

    def _write(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def screen(console: Console) -> Iterator[DemoScreen]:
    """Show on `console`, in the way that suits it, until the end of the block."""
    if not console.is_terminal:
        yield Lines(console)
        return
    with Bars(console) as bars:
        yield bars
