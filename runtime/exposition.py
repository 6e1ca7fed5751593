"""Shows metrics in Prometheus's text format, those of all processes of a service together.

Where `PROMETHEUS_MULTIPROC_DIR` names a folder, the processes of a service keep their values there,
in files of their own; else a process shows its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from runtime import meters
from runtime.logging import get_logger
from runtime.metric_names import GaugeName
from runtime.metrics import CATALOGUE
from runtime.settings import MetricsSettings

_log = get_logger(__name__)
CONTENT_TYPE = exposition.CONTENT_TYPE_PLAIN_0_0_4


class Sample(NamedTuple):
    """What a gauge shows just now, for the values of its labels in the catalogue's order."""

    name: GaugeName
    value: float
    labels: tuple[str, ...] = ()


# Looks at the present state; each look is asked for anew at every scrape.
Look = Callable[[], Iterable[Sample]]


def exposed(looks: Mapping[str, Look]) -> bytes:
    """Return all that was measured, and what `looks` find now.

    A look that fails is left out and logged: whatever is away, the rest is shown.

    Args:
        looks: By a name for the log.
    """
    return exposition.generate_latest(_registry(looks))


def serve(settings: MetricsSettings, looks: Mapping[str, Look]) -> None:
    """Show metrics over HTTP, if `settings` name a port; returns at once.

    For processes that serve nothing else.

    Raises:
        OSError: The port is in use.
    """
    if settings.port:
        exposition.start_http_server(settings.port, settings.address, _registry(looks))


def _registry(looks: Mapping[str, Look]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Looks(looks))
    if os.environ.get(meters.FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library left it untyped
    else:
        registry.register(_Own())
    return registry


class _Own(Collector):
    """The values of this process."""

    def describe(self) -> Iterable[Any]:
        return ()

    def collect(self) -> Iterable[Any]:
        return meters.registry().collect()


class _Looks(Collector):
    """What looks find at a scrape."""

    def __init__(self, looks: Mapping[str, Look]) -> None:
        self._looks = looks

    def describe(self) -> Iterable[Any]:
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families: dict[GaugeName, GaugeMetricFamily] = {}
        for name, look in self._looks.items():
            for sample in _found(name, look):
                metric = CATALOGUE[sample.name]
                family = families.setdefault(
                    sample.name, GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
                )
                family.add_metric(sample.labels, sample.value)
        yield from families.values()


def _found(name: str, look: Look) -> Iterable[Sample]:
    try:
        return list(look())
    except Exception as error:  # noqa: BLE001  # whatever it is, the other metrics count more
        _log.warning("metrics.look_failed", look=name, cause=repr(error))
        return ()
