"""Requests are counted by route template, and `/metrics` needs no token and no Accept."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from runtime.exposition import exposed

pytestmark = pytest.mark.unit


def counted(route: str, method: str, status: str) -> float:
    labels = f'method="{method}",route="{re.escape(route)}",status="{status}"'
    name = "messaging_http_request_seconds_count"
    found = re.search(rf"^{name}{{{labels}}} (\S+)$", exposed({}).decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    ("path", "method", "counted_as"),
    [
        ("/query/v1/healthz", "GET", ("/query/v1/healthz", "GET", "2xx")),
        ("/query/v1/nowhere", "GET", ("unmatched", "GET", "4xx")),
        ("/query/v1/nowhere", "BREW", ("unmatched", "other", "4xx")),
        ("/metrics", "GET", ("/metrics", "GET", "2xx")),
    ],
)
def test_a_request_is_counted_by_the_template_of_its_route(
    client: FlaskClient, path: str, method: str, counted_as: tuple[str, str, str]
) -> None:
    path, counted_as = _of_this_app(client, path), _route(client, counted_as)
    before = counted(*counted_as)
    client.open(path, method=method)
    assert counted(*counted_as) == before + 1


def _of_this_app(client: FlaskClient, path: str) -> str:
    names = {rule.rule.split("/")[1] for rule in client.application.url_map.iter_rules()}
    service = next(name for name in ("query", "command", "auth") if name in names)
    return path.replace("/query/", f"/{service}/")


def _route(client: FlaskClient, labels: tuple[str, str, str]) -> tuple[str, str, str]:
    route, method, status = labels
    return _of_this_app(client, route), method, status


def test_metrics_are_shown_to_whoever_reaches_the_port(client: FlaskClient) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    answer = client.get("/metrics?any=1", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# TYPE messaging_http_request_seconds histogram" in client.get("/metrics").data
