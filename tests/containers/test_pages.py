"""Every page for people, in a browser: it shows what it is for, and its console stays silent."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.containers.browser import tab
from tests.containers.project import Project


def test_the_start_page_is_shown_with_its_style(browser: Browser, project: Project) -> None:
    with tab(browser, project.served.url) as opened:
        opened.page.goto("/")
        expect(opened.page.get_by_role("link", name="Flower")).to_be_visible()
        assert opened.page.evaluate("document.styleSheets[0].cssRules.length") > 0
        assert opened.complaints == []


@pytest.mark.parametrize("service", ["auth", "command", "query"])
def test_an_api_is_tried_on_its_page(browser: Browser, project: Project, service: str) -> None:
    with tab(browser, project.served.url) as opened:
        opened.page.goto(f"/{service}/v1/docs")
        operation = opened.page.locator(".opblock", has_text=f"/{service}/v1/healthz")
        operation.locator(".opblock-summary").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        expect(operation.locator(".live-responses-table")).to_contain_text('"status": "ok"')
        assert opened.complaints == []


def test_flower_shows_workers_tasks_and_queues(browser: Browser, project: Project) -> None:
    with tab(browser, project.served.url, password=project.secret("flower")) as opened:
        page = opened.page
        page.goto("/flower/")
        page.get_by_role("link", name="worker@").nth(1).wait_for()
        page.get_by_role("link", name="Tasks").click()
        page.get_by_role("link", name="sweep").first.wait_for()
        page.get_by_role("link", name="Broker").click()
        expect(page.get_by_role("cell", name="events.15", exact=True)).to_be_visible()
        page.get_by_role("link", name="Workers").click()
        page.get_by_role("link", name="worker@").first.click()
        expect(page.get_by_text("events.15").first).to_be_attached()
        assert opened.complaints == []
