"""Prometheus and Grafana behind NGINX: every service is asked, every rule is looked after."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

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
    question = "query?query=max by (partition) (messaging_queue_waiting_events)"
    wait_until(lambda: len(ask(question)["result"]) == 16, 60)


def test_every_alert_is_looked_after(ask: Ask) -> None:
    def looked_after() -> dict[str, str]:
        groups = ask("rules?type=alert")["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    names = {rule["alert"] for group in _ALERTS["groups"] for rule in group["rules"]}
    wait_until(lambda: looked_after() == dict.fromkeys(names, "ok"), 60)


def test_each_alert_fires_when_it_must(project: Project, prometheus: httpx.Client) -> None:
    assert prometheus.get("-/ready").is_success
    project.inside("prometheus", "promtool check config /tmp/messaging/prometheus.yml")
    # The cases name the rules by their place in the repository.
    cases = (ROOT / "tests/unit/alerts.yml").read_text(encoding="utf-8")
    script = f"""
        mkdir -p /tmp/rules/tests/unit /tmp/rules/ops/prometheus
        cat /ops/alerts.yml >/tmp/rules/ops/prometheus/alerts.yml
        cat >/tmp/rules/tests/unit/alerts.yml <<'END'
{cases}
END
        promtool test rules /tmp/rules/tests/unit/alerts.yml
    """
    assert "SUCCESS" in project.inside("prometheus", script)


def use(url: str) -> None:
    """Do what makes each measure of the service count: log in, refresh, send, listen, read."""
    person, other = (
        {"username": f"panel{uuid4().hex[:10]}", "password": "correct horse battery"}
        for _ in range(2)
    )
    with httpx.Client(base_url=url, timeout=60) as client:
        for one in (person, other):
            account = {**one, "email": f"{one['username']}@example.com"}
            client.post("/auth/v1/register", json=account).raise_for_status()
        token = client.post("/auth/v1/login", json=person).json()["access_token"]
        csrf = {"X-CSRF-TOKEN": client.cookies["csrf_refresh_token"]}
        client.post("/auth/v1/token", headers=csrf).raise_for_status()
        headers = {"Authorization": f"Bearer {token}"}
        with client.stream("GET", "/query/v1/stream", headers=headers) as stream:
            message = {"to": other["username"], "body": "for the panels"}
            accepted = client.post("/command/v1/messages", json=message, headers=headers)
            shown = {**headers, "Consistency-Token": accepted.headers["Consistency-Token"]}
            read = f"/query/v1/conversations/{other['username']}/messages"
            client.get(read, headers=shown).raise_for_status()
            next(line for line in stream.iter_lines() if "message.sent" in line)


def test_each_panel_of_the_dashboard_has_figures(project: Project, ask: Ask) -> None:
    board = json.loads((ROOT / "ops/grafana/messaging.json").read_text(encoding="utf-8"))
    expressions = [
        target["expr"] for panel in board["panels"] for target in panel.get("targets", ())
    ]
    # Canaries are off in tests: they count as entries of the queues.
    expressions = [one for one in expressions if "canary" not in one]
    assert len(expressions) > 20
    use(project.served.url)

    def empty() -> list[str]:
        asked = (f"query?{urlencode({'query': expression})}" for expression in expressions)
        answers = zip(expressions, map(ask, asked), strict=True)
        return [expression for expression, answer in answers if not answer["result"]]

    # Growth is seen once Prometheus has asked twice.
    with suppress(AssertionError):
        wait_until(lambda: not empty(), 120)
    assert empty() == []


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
