"""One container stack for all tests of this folder; `make test-compose` runs them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.containers.browser import chromium, program
from tests.containers.project import ROOT, Project

_WAITS = pytest.StashKey[dict[str, dict[str, float]]]()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The stack, built and healthy; removed with its volumes at the end."""
    subprocess.run([ROOT / "scripts/engine"], check=True)
    project = Project(tmp_path_factory.mktemp("containers"))
    try:
        project.run("scripts/secrets")
        project.up("--build")
        yield project
    finally:
        project.remove()


@pytest.fixture
def secrets(project: Project) -> dict[str, str]:
    """Every secret by the name of its file."""
    return {
        str(path.relative_to(project.secrets)): path.read_text(encoding="utf-8").strip()
        for path in Path(project.secrets).rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, where this machine has one."""
    if program() is None:
        pytest.skip("there is no Chromium here; Debian has it as chromium-headless-shell")
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def waits(pytestconfig: pytest.Config) -> dict[str, dict[str, float]]:
    """Where a test writes how long who waited for an answer, by what was done; shown at the end."""
    return pytestconfig.stash.setdefault(_WAITS, {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show how long each fault was felt."""
    table = config.stash.get(_WAITS, {})
    if table:
        kinds = list(next(iter(table.values())))
        head = "".join(f"{kind:>10}" for kind in kinds)
        terminalreporter.write_line(f"{'longest time without an answer, in seconds':60}{head}")
    for what, longest in table.items():
        row = "".join(f"{longest[kind]:10.1f}" for kind in kinds)
        terminalreporter.write_line(f"{what:60}{row}")
