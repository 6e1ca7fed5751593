"""Works through many items in several threads, and ends them all when one fails."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from cli.demo.errors import StoppedError

T = TypeVar("T")
# How far the source is read ahead of the work.
_AHEAD = 64
_POLL_S = 0.2


class Stop:
    """A sign to all threads that they should end."""

    def __init__(self) -> None:
        """Begin unset."""
        self._event = threading.Event()

    def set(self) -> None:
        """Ask every thread to end."""
        self._event.set()

    def is_set(self) -> bool:
        """Return whether they should end."""
        return self._event.is_set()

    def pause(self, seconds: float) -> None:
        """Wait so long.

        Raises:
            StoppedError: The sign was given meanwhile, or before.
        """
        if self._event.wait(seconds):
            raise StoppedError


class _Lane(Generic[T]):
    """A thread that works on the items of a queue, until it finds the end or must stop."""

    def __init__(
        self, source: queue.Queue[T | None], work: Callable[[T], None], stop: Stop
    ) -> None:
        self._source = source
        self._work = work
        self._stop = stop
        self.failure: Exception | None = None
        # A daemon: when the user stops the demo, nobody waits for a request under way.
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                item = self._source.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if item is None:
                return
            try:
                self._work(item)
            except Exception as error:  # noqa: BLE001  # raised again where the work was ordered
                self.failure = error
                self._stop.set()


def for_each(
    items: Iterable[T],
    work: Callable[[T], None],
    *,
    threads: int,
    stop: Stop,
    lane_of: Callable[[T], int] | None = None,
) -> None:
    """Call `work` with each of `items`, which are read as they are needed.

    Args:
        items: What to work on; None is no item.
        work: Does one item; the first exception ends all and is raised.
        threads: How many work at a time.
        stop: Ends all when set, and is set when one fails.
        lane_of: Items of which this returns the same are done one after the other, in order.
    """
    lengths = [_AHEAD] * threads if lane_of else [_AHEAD]
    sources: list[queue.Queue[T | None]] = [queue.Queue(length) for length in lengths]
    lanes = [_Lane(sources[number % len(sources)], work, stop) for number in range(threads)]
    try:
        for item in items:
            _put(sources[lane_of(item) % threads if lane_of else 0], item, stop)
        for number in range(threads):
            _put(sources[number % len(sources)], None, stop)
        for lane in lanes:
            while lane.thread.is_alive():
                lane.thread.join(_POLL_S)
    except StoppedError:
        pass
    except BaseException:
        stop.set()
        raise
    _raise_first(lane.failure for lane in lanes)


def _put(source: queue.Queue[T | None], item: T | None, stop: Stop) -> None:
    while True:
        stop.pause(0)
        try:
            source.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return


def _raise_first(failures: Iterable[Exception | None]) -> None:
    """Raise the failure that made the others stop, if any."""
    found = [failure for failure in failures if failure is not None]
    for failure in sorted(found, key=lambda one: isinstance(one, StoppedError)):
        raise failure
