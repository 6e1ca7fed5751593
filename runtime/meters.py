"""Instruments: what the services measure with, by the names of the catalogue.

Each costs a few microseconds at most, and never fails: not for a full disk either, since the files
in which several processes of a service keep their values are allotted beforehand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from runtime.metric_names import CounterName, GaugeName, HistogramName, MetricName
from runtime.metrics import CATALOGUE, Metric

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

# Names the folder for several processes of one service; the library's own setting.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_instruments: dict[MetricName, Any] = {}
_making = threading.Lock()
_children: dict[tuple[MetricName, tuple[str, ...]], Any] = {}


def begin(*names: CounterName) -> None:
    """Show counters at 0, for each of their labels' values, before anything is counted.

    By that Prometheus sees their growth from the first time on, which an alert may be about.
    """
    for name in names:
        values = CATALOGUE[name].values.values()
        for labels in product(*values):
            _child(name, labels)


def count(name: CounterName, *labels: str, by: int = 1) -> None:
    """Add `by` to a counter; `labels` are the values of its labels, in the catalogue's order."""
    _child(name, labels).inc(by)


def observe(name: HistogramName, value: float, *labels: str) -> None:
    """Put `value`, in the unit of the name, into a histogram."""
    _child(name, labels).observe(value)


def shift(name: GaugeName, by: int, *labels: str) -> None:
    """Move a gauge that each process keeps for itself; their sum is shown."""
    _child(name, labels).inc(by)


@contextmanager
def timed(name: HistogramName) -> Iterator[None]:
    """Put the time that the block takes into a histogram, however it ends."""
    started = time.perf_counter()
    try:
        yield
    finally:
        observe(name, time.perf_counter() - started)


def _child(name: MetricName, labels: tuple[str, ...]) -> Any:
    # The library's own look-up costs more than the counting.
    key = (name, labels)
    child = _children.get(key)
    if child is None:
        instrument = _instrument(name)
        child = _children[key] = instrument.labels(*labels) if labels else instrument
    return child


def _instrument(name: MetricName) -> Any:
    with _making:
        if name not in _instruments:
            _instruments[name] = _made(CATALOGUE[name])
        return _instruments[name]


def _made(metric: Metric) -> Any:
    # Not on top: what only imports a room, such as a verb of the command line, need not pay for it.
    import prometheus_client as client  # noqa: PLC0415

    named = (metric.name, metric.help, metric.labels)
    if metric.kind == "histogram":
        return client.Histogram(*named, buckets=metric.buckets, registry=registry())
    if metric.kind == "gauge":
        return client.Gauge(*named, multiprocess_mode="livesum", registry=registry())
    return client.Counter(*named, registry=registry())


@cache
def registry() -> CollectorRegistry:
    """Return what holds the instruments of this process."""
    import prometheus_client as client  # noqa: PLC0415  # see above

    # Without what the library would add by itself: the catalogue names all that is shown.
    client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it untyped
    return client.CollectorRegistry()
