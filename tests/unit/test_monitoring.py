"""What watches the service names only metrics and labels that exist, and pages that help."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs would be one more package

from local_stack import templates
from runtime.metrics import CATALOGUE, Metric
from tests.unit.metrics_page import PAGE, table

pytestmark = pytest.mark.unit

_ROOT = Path(__file__).parents[2]
_ALERTS = yaml.safe_load((_ROOT / "ops/prometheus/alerts.yml").read_text())
_RULES: list[dict[str, Any]] = [rule for group in _ALERTS["groups"] for rule in group["rules"]]
# For `promtool test rules`; the containers' tests run it as well, with Prometheus's own image.
_CASES = _ROOT / "tests/unit/alerts.yml"
_BOARD = json.loads((_ROOT / "ops/grafana/messaging.json").read_text())
_PANELS = [panel for panel in _BOARD["panels"] if panel["type"] != "row"]
# Of Prometheus itself, and of the machine's exporter: not ours to name.
_OTHERS = {"up": {"job"}, "node_filesystem_avail_bytes": set(), "node_filesystem_size_bytes": set()}
_OTHERS["node_filesystem_avail_bytes"] = {"fstype", "mountpoint"}
_ADDED = {"instance", "job"}
_COLUMNS = 24
_UNITS_OF_GRAFANA = {"s", "short", "percentunit", "bytes", "ops", "reqps", "none"}
_FUNCTIONS = {
    *("sum", "max", "min", "by", "on", "unless", "and", "or", "without", "ignoring"),
    *("rate", "increase", "delta", "histogram_quantile", "absent"),
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def _expressions() -> Iterator[tuple[str, str]]:
    for rule in _RULES:
        yield rule["alert"], rule["expr"]
    for panel in _PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


_EXPRESSIONS = list(_expressions())
_IDS = [f"{number} {title}" for number, (title, _) in enumerate(_EXPRESSIONS)]


def _metric(name: str) -> Metric | None:
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    found = {str(known): metric for known, metric in CATALOGUE.items()}
    if name in found and found[name].kind != "histogram":
        return found[name]
    metric = found.get(base)
    return metric if metric is not None and metric.kind == "histogram" and base != name else None


def _bare(expression: str) -> str:
    """Return an expression without texts, selectors, ranges and lists of labels."""
    without = re.sub(r'"(\\.|[^"\\])*"', "", expression)
    without = re.sub(r"\{[^}]*\}|\[[0-9]+[smhd]\]", " ", without)
    return re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", without)


def _named(expression: str) -> set[str]:
    return set(_NAME.findall(_bare(expression))) - _FUNCTIONS


@pytest.mark.parametrize(("_title", "expression"), _EXPRESSIONS, ids=_IDS)
def test_every_metric_of_an_expression_exists(_title: str, expression: str) -> None:
    names = _named(expression)
    assert names
    assert {name for name in names if _metric(name) is None} <= set(_OTHERS)


@pytest.mark.parametrize(("_title", "expression"), _EXPRESSIONS, ids=_IDS)
def test_every_label_of_an_expression_exists(_title: str, expression: str) -> None:
    for name, selector in re.findall(r"([a-z_]+)\{([^}]*)\}", expression):
        metric = _metric(name)
        known = set(metric.labels) if metric else _OTHERS[name]
        matchers = re.findall(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"', selector)
        assert ",".join(f'{label}{how}"{value}"' for label, how, value in matchers) == selector
        assert {label for label, _, _ in matchers} <= known | _ADDED
        for label, _, value in matchers:
            if metric and label in metric.values:
                assert set(value.split("|")) <= set(metric.values[label])
    labels = {label for name in _named(expression) for label in _labels(name)} | _ADDED
    for grouped in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
        assert set(grouped.replace(" ", "").split(",")) <= labels


def _labels(name: str) -> set[str]:
    metric = _metric(name)
    if metric is None:
        return _OTHERS[name]
    return {*metric.labels, *(["le"] if metric.kind == "histogram" else [])}


@pytest.mark.parametrize(("_title", "expression"), _EXPRESSIONS, ids=_IDS)
def test_every_expression_is_well_formed(_title: str, expression: str) -> None:
    opened: list[str] = []
    for sign in re.sub(r'"(\\.|[^"\\])*"', "", expression):
        if sign in "([{":
            opened.append({"(": ")", "[": "]", "{": "}"}[sign])
        elif sign in ")]}":
            assert opened.pop() == sign
    assert opened == []
    assert re.fullmatch(r"[a-zA-Z0-9_:\s().,+*/<>=!-]*", _bare(expression))
    # A counter is of use by its growth alone.
    for name in _named(expression):
        metric = _metric(name)
        if metric is not None and metric.kind != "gauge":
            uses = len(re.findall(rf"\b{name}\b", expression))
            inside = rf"\b(?:rate|increase)\({name}(?:\{{[^}}]*\}})?\[\d+[smh]\]\)"
            assert len(re.findall(inside, expression)) == uses


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus's own tool is not here")
def test_promtool_accepts_the_configuration_and_each_alert_fires_when_it_must(
    tmp_path: Path,
) -> None:
    shutil.copy(_ROOT / "ops/prometheus/alerts.yml", tmp_path)
    names = ("AUTH_API", "COMMAND_API", "QUERY_API", "QUERY_STREAM", "WORKER", "NODE")
    values = dict.fromkeys(names, 'static_configs: [{targets: ["127.0.0.1:1"]}]')
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(templates.render("prometheus/prometheus.yml", values))
    # It checks the rules that the configuration names as well.
    for order in (["check", "config", str(configuration)], ["test", "rules", str(_CASES)]):
        done = subprocess.run(["promtool", *order], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_for_each_alert_there_is_a_case_when_it_is_there_and_one_when_it_is_not() -> None:
    cases = [
        case
        for test in yaml.safe_load(_CASES.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    names = {rule["alert"] for rule in _RULES}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


@pytest.mark.parametrize("rule", _RULES, ids=[rule["alert"] for rule in _RULES])
def test_every_alert_says_what_it_means_and_where_help_is(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert re.fullmatch(r"[0-9]+[smh]", rule.get("for", "1m"))
    assert (_ROOT / rule["annotations"]["runbook"]).is_file()
    labels = {label for name in _named(rule["expr"]) for label in _labels(name)} | _ADDED
    said = re.findall(r"\{\{(.*?)\}\}", rule["annotations"]["summary"])
    for place in said:
        assert re.fullmatch(r" \$(value|labels\.\w+)( \| humanize\w*)? ", place)
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= labels


def test_the_names_of_alerts_differ() -> None:
    assert len({rule["alert"] for rule in _RULES}) == len(_RULES)


def test_every_metric_is_on_the_dashboard_or_alerted_on() -> None:
    named = {
        metric.name
        for _, expression in _EXPRESSIONS
        for name in _named(expression)
        if (metric := _metric(name))
    }
    assert set(CATALOGUE) == named


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in _BOARD["panels"]:
        x, y, width, height = (panel["gridPos"][key] for key in "xywh")
        assert x + width <= _COLUMNS
        cells = {(x + column, y + row) for column in range(width) for row in range(height)}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in _BOARD["panels"]}) == len(_BOARD["panels"])


@pytest.mark.parametrize("panel", _PANELS, ids=[panel["title"] for panel in _PANELS])
def test_a_panel_has_what_grafana_needs_to_draw_it(panel: dict[str, Any]) -> None:
    assert panel["type"] == "timeseries"
    assert panel["title"]
    assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS_OF_GRAFANA
    references = [target["refId"] for target in panel["targets"]]
    assert references == list("ABCDEF"[: len(references)])
    for target in panel["targets"]:
        assert set(target) <= {"expr", "legendFormat", "refId"}
        # A legend names labels that the expression leaves.
        named = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")))
        outermost = re.findall(r"\bby \(([^)]*)\)", target["expr"])
        kept = set(outermost[0].replace(" ", "").split(",")) if outermost else set()
        assert named <= kept - {"le"}


def test_prometheus_asks_every_service_that_measures() -> None:
    names = ("AUTH_API", "COMMAND_API", "QUERY_API", "QUERY_STREAM", "WORKER", "NODE")
    values = {name: f'static_configs: [{{targets: ["{name}:1"]}}]' for name in names}
    configured = yaml.safe_load(templates.render("prometheus/prometheus.yml", values))
    targets = {job["job_name"]: job["static_configs"] for job in configured["scrape_configs"]}
    assert targets == {name.lower(): [{"targets": [f"{name}:1"]}] for name in names}
    assert configured["rule_files"] == ["alerts.yml"]
    jobs = {name for rule in _RULES for name in re.findall(r'job=~"([^"]*)"', rule["expr"])}
    assert set("|".join(jobs).split("|")) == set(targets) - {"node"}


def test_a_service_that_is_down_or_has_no_container_at_all_calls_somebody() -> None:
    (down,) = [rule["expr"] for rule in _RULES if rule["alert"] == "ServiceDown"]
    (asked,) = re.findall(r'^up\{job=~"([^"]*)"\} == 0 or ', down)
    absent = re.findall(r' or absent\(up\{job="([^"]*)"\}\)', down)
    assert sorted(absent) == sorted(asked.split("|"))


def test_grafana_is_provisioned_with_the_source_and_the_board() -> None:
    (source,) = yaml.safe_load((_ROOT / "ops/grafana/datasource.yml").read_text())["datasources"]
    assert source["type"] == _BOARD["templating"]["list"][0]["query"] == "prometheus"
    # The board's variable chooses the only source of its type.
    assert {panel["datasource"]["uid"] for panel in _PANELS} == {"${datasource}"}
    compose = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
    grafana, (provider,) = (
        compose["services"]["grafana"],
        yaml.safe_load((_ROOT / "ops/grafana/dashboards.yml").read_text())["providers"],
    )
    placed = {place["target"]: place["source"] for place in grafana["configs"]}
    board = placed[f"{provider['options']['path']}/messaging.json"]
    assert compose["configs"][board]["file"] == "ops/grafana/messaging.json"


def test_the_page_of_metrics_is_current() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
