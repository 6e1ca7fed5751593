"""Prometheus and Grafana behind NGINX: every service is asked, every rule is looked after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, expect

from tests.containers.browser import tab
from tests.containers.project import ROOT, Project
from tests.running_stack import wait_until

_COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
_ALERTS = yaml.safe_load((ROOT / "ops/prometheus/alerts.yml").read_text(encoding="utf-8"))

Ask = Callable[[str], Any]


def page(project: Project, service: str) -> Iterator[httpx.Client]:
    """Start a service of the profile; yield its user, as long as it runs."""
    project.requires(_COMPOSE["services"][service]["image"])
    profile = ("--profile", "monitoring")
    project.compose(*profile, "up", "--detach", "--wait", service)
    auth = ("operator", project.secret(service))
    with httpx.Client(base_url=f"{project.served.url}/{service}/", auth=auth, timeout=30) as client:
        wait_until(lambda: client.get("").status_code != httpx.codes.NOT_FOUND)
        yield client
    project.compose(*profile, "rm", "--stop", "--force", service)


@pytest.fixture(scope="module")
def prometheus(project: Project) -> Iterator[httpx.Client]:
    """Prometheus's page for who has its password."""
    yield from page(project, "prometheus")


@pytest.fixture(scope="module")
def grafana(project: Project, prometheus: httpx.Client) -> Iterator[httpx.Client]:
    """Grafana's page for who has its password."""
    yield from page(project, "grafana")


@pytest.fixture
def ask(prometheus: httpx.Client) -> Ask:
    """A question to Prometheus's API, and the data of its answer."""
    return lambda path: prometheus.get(f"api/v1/{path}").raise_for_status().json()["data"]


def test_nobody_sees_prometheus_without_its_password(
    project: Project, prometheus: httpx.Client
) -> None:
    answer = httpx.get(f"{project.served.url}/prometheus/api/v1/targets")
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Basic realm="Prometheus"'


def test_every_container_of_a_service_is_asked(ask: Ask) -> None:
    apis = ("auth_api", "command_api", "query_api", "query_stream")
    wanted = Counter({**dict.fromkeys(apis, 1), "worker": 2})

    def up() -> Counter[str]:
        targets = ask("targets?state=active")["activeTargets"]
        return Counter(one["labels"]["job"] for one in targets if one["health"] == "up")

    wait_until(lambda: up() == wanted, 60)


def test_a_question_is_answered_with_what_the_services_measure(ask: Ask) -> None:
    question = 'query?query=max by (partition) (messaging_canary_age_seconds{node="replica"})'
    wait_until(lambda: len(ask(question)["result"]) == 16, 60)


def test_every_alert_is_looked_after(ask: Ask) -> None:
    def looked_after() -> dict[str, str]:
        groups = ask("rules?type=alert")["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    names = {rule["alert"] for group in _ALERTS["groups"] for rule in group["rules"]}
    wait_until(lambda: looked_after() == dict.fromkeys(names, "ok"), 60)


def test_prometheus_is_shown_in_a_browser(
    browser: Browser, project: Project, prometheus: httpx.Client
) -> None:
    with tab(browser, project.served.url, password=project.secret("prometheus")) as opened:
        opened.page.goto("/")
        opened.page.get_by_role("link", name="Prometheus").click()
        expect(opened.page.get_by_role("button", name="Execute")).to_be_visible()
        # Its program's errors are its own; ours is what is refused or not found.
        assert [one for one in opened.complaints if not one.startswith("uncaught")] == []


def test_grafana_has_the_dashboard_and_its_figures(grafana: httpx.Client) -> None:
    board = grafana.get("api/dashboards/uid/messaging").raise_for_status().json()
    assert board["meta"]["provisioned"]
    health = grafana.get("api/datasources/uid/prometheus/health").raise_for_status().json()
    assert health["status"] == "OK"
