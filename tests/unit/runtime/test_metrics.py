"""The catalogue of metrics is sound, and the instruments keep to it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from events.contracts.envelope import CONTRACTS
from runtime import meters
from runtime.exposition import Sample, exposed
from runtime.metric_names import (
    COMMON_VALUES,
    COUNTED,
    EVENT_TYPES,
    UNITS,
    CounterName,
    GaugeName,
    HistogramName,
)
from runtime.metrics import CATALOGUE

pytestmark = pytest.mark.unit


def test_every_name_is_in_the_catalogue_once_as_its_kind() -> None:
    kinds = {name: metric.kind for name, metric in CATALOGUE.items()}
    assert kinds == {
        **dict.fromkeys(get_args(CounterName), "counter"),
        **dict.fromkeys(get_args(HistogramName), "histogram"),
        **dict.fromkeys(get_args(GaugeName), "gauge"),
    }


def test_every_name_ends_in_its_unit() -> None:
    for name, metric in CATALOGUE.items():
        counts = metric.kind == "counter"
        assert name.endswith("_total") == counts
        unit = name.removesuffix("_total").rpartition("_")[2]
        assert unit in UNITS or (counts and unit in COUNTED), name


def test_every_label_has_a_closed_set_of_values() -> None:
    for metric in CATALOGUE.values():
        for label in metric.labels:
            assert (label in COMMON_VALUES) != bool(metric.values.get(label)), metric.name


def test_the_types_of_events_are_those_that_are_written() -> None:
    assert set(EVENT_TYPES) == set(CONTRACTS)


def test_what_is_measured_is_shown() -> None:
    before = _shown("messaging_logins_total", 'outcome="limited"')
    meters.count("messaging_logins_total", "limited", by=3)
    meters.observe("messaging_projection_batch_events", 7)
    meters.shift("messaging_open_streams", 1)
    meters.shift("messaging_open_streams", -1)
    assert _shown("messaging_logins_total", 'outcome="limited"') == before + 3
    assert _shown("messaging_projection_batch_events_bucket", 'le="10.0"') >= 1
    assert "# HELP messaging_open_streams Event streams that are open." in exposed({}).decode()


def test_a_counter_that_was_begun_is_shown_at_zero_for_each_of_its_values() -> None:
    meters.begin("messaging_deliveries_total", "messaging_projection_retries_total")
    meters.count("messaging_deliveries_total", "sweep")
    meters.begin("messaging_deliveries_total")
    page = exposed({}).decode()
    shown = dict(
        re.findall(r'^messaging_deliveries_total\{task="(\w+)"\} (\S+)$', page, re.MULTILINE)
    )
    assert set(shown) == set(CATALOGUE["messaging_deliveries_total"].values["task"])
    assert float(shown["sweep"]) >= 1  # Beginning again takes nothing away.
    assert re.search(r"^messaging_projection_retries_total \S+$", page, re.MULTILINE)


def test_a_look_that_fails_leaves_the_others() -> None:
    def fails() -> list[Sample]:
        raise ConnectionError

    good = Sample("messaging_queue_waiting_events", 4, ("3",))
    page = exposed({"bad": fails, "good": lambda: [good]}).decode()
    assert 'messaging_queue_waiting_events{partition="3"} 4.0' in page


def _shown(name: str, label: str) -> float:
    found = re.search(rf"^{name}\{{{label}\}} (\S+)$", exposed({}).decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0
