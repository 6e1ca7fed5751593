"""pgAdmin at /pgadmin/: its servers are there, and queries run without a typed password."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from tests.containers.browser import tab
from tests.containers.project import Project
from tests.running_stack import wait_until

_TOKEN = re.compile(r"""['"]csrfToken['"]: ['"]([^'"]+)['"]""")


@pytest.fixture(scope="module")
def pgadmin(project: Project) -> Iterator[httpx.Client]:
    """A client that has logged in; pgAdmin runs as long as it does."""
    with running(project) as client:
        yield client


@contextmanager
def running(project: Project) -> Iterator[httpx.Client]:
    """Run pgAdmin, and give a client that has logged in."""
    project.requires("dpage/pgadmin4:9")
    project.compose("--profile", "pgadmin", "up", "--detach", "--wait", "pgadmin")
    with httpx.Client(
        base_url=f"{project.served.url}/pgadmin/", timeout=60, follow_redirects=True
    ) as client:
        wait_until(lambda: client.get("login").status_code == httpx.codes.OK)
        found = _TOKEN.search(html.unescape(client.get("login").text))
        assert found
        account = {
            "csrf_token": found[1],
            "email": "operator@example.com",
            "password": project.secret("pgadmin"),
            "internal_button": "Login",
        }
        client.post("authenticate/login", data=account).raise_for_status()
        client.headers["X-pgA-CSRFToken"] = found[1]
        yield client
    project.compose("--profile", "pgadmin", "rm", "--stop", "--force", "pgadmin")


def servers(client: httpx.Client) -> dict[str, tuple[str, str]]:
    """Return the registered servers by name: group and number of each."""
    (group,) = client.get("browser/server_group/nodes/").json()["data"]
    listed: list[dict[str, Any]] = client.get(f"browser/server/nodes/{group['_id']}/").json()[
        "result"
    ]
    return {server["label"]: (group["_id"], server["_id"]) for server in listed}


def test_it_lists_primary_replica_and_pgpool(pgadmin: httpx.Client) -> None:
    assert set(servers(pgadmin)) == {"Primary", "Replica", "PGPool"}


@pytest.mark.parametrize("name", ["Primary", "Replica", "PGPool"])
def test_a_server_is_queried_without_a_password(pgadmin: httpx.Client, name: str) -> None:
    group, server = servers(pgadmin)[name]
    connected = pgadmin.post(f"browser/server/connect/{group}/{server}", json={})
    assert connected.status_code == httpx.codes.OK, connected.text
    assert connected.json()["data"]["connected"]
    # The databases are what a query told it.
    databases = pgadmin.get(f"browser/database/nodes/{group}/{server}/").json()["data"]
    assert "messaging" in {database["label"] for database in databases}


def test_the_start_page_names_it_while_it_is_there(project: Project, pgadmin: httpx.Client) -> None:
    assert '<a href="/pgadmin/">pgAdmin</a>' in httpx.get(project.served.url).text


def test_nobody_gets_in_without_the_password(project: Project, pgadmin: httpx.Client) -> None:
    with httpx.Client(base_url=f"{project.served.url}/pgadmin/") as stranger:
        assert stranger.get("browser/server_group/nodes/").status_code == httpx.codes.UNAUTHORIZED


def log_in(page: Page, password: str) -> None:
    page.goto("/pgadmin/")
    page.fill("input[name=email]", "operator@example.com")
    page.fill("input[name=password]", password)
    page.get_by_role("button", name="Login").click()


def node(page: Page, name: str) -> Locator:
    """Return a line of the tree, with or without the number of what is below it."""
    lines = page.locator(".file-name")
    return lines.filter(has_text=re.compile(rf"^{name}( \(\d+\))?$")).first


def open_query_tool(page: Page, server: str) -> FrameLocator:
    """Go down the tree from a server to its database, and ask for the tool there."""
    node(page, server).dblclick()
    node(page, "Databases").dblclick()
    node(page, "messaging").click()
    expect(page.get_by_text("Database sessions")).to_be_visible()
    page.get_by_text("Tools", exact=True).first.click()
    page.get_by_role("menuitem", name="Query Tool").click()
    return page.locator("iframe").last.content_frame


def test_in_a_browser_it_lists_the_servers_and_runs_a_query(
    browser: Browser, project: Project, pgadmin: httpx.Client
) -> None:
    with tab(browser, project.served.url) as opened:
        page = opened.page
        log_in(page, project.secret("pgadmin"))
        node(page, "Servers").dblclick()
        for name in ("Primary", "Replica", "PGPool"):
            expect(node(page, name)).to_be_visible()
        tool = open_query_tool(page, "Replica")
        tool.locator(".cm-content").first.click()
        page.keyboard.type("SELECT count(*) * 1000 + 1 FROM event_log.checkpoint")
        page.keyboard.press("F5")
        expect(tool.get_by_role("gridcell", name="16001")).to_be_visible()
        assert opened.complaints == []
