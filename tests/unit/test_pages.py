"""What the pages name exists, and what exists is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

_ROOT = Path(__file__).parents[2]
_ROOMS = (
    *("auth_api", "cli", "command_api", "database", "events", "local_stack"),
    *("messaging_client", "ops", "query_api", "runtime", "web", "workers"),
)
_SETTING = re.compile(r"\bMESSAGING_[A-Z0-9_]*[A-Z0-9]\b")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
_PAGES = [
    *("README.md", "CONTRIBUTING.md", "SECURITY.md"),
    *sorted(str(path.relative_to(_ROOT)) for path in (_ROOT / "docs").rglob("*.md")),
]


def _named_in(*paths: Path) -> set[str]:
    return {name for path in paths for name in _SETTING.findall(path.read_text(encoding="utf-8"))}


def test_settings_names_every_variable_that_is_read_and_no_other() -> None:
    sources = [path for room in _ROOMS for path in (_ROOT / room).rglob("*.py")]
    sources += [*_ROOT.glob("docker-compose*.yml"), *(_ROOT / "ops").rglob("*.sh")]
    assert _named_in(_ROOT / "docs/settings.md") == _named_in(*sources)


def test_no_page_names_a_variable_that_does_not_exist() -> None:
    known = _named_in(_ROOT / "docs/settings.md")
    assert _named_in(*(_ROOT / page for page in _PAGES)) <= known


@pytest.mark.parametrize("page", _PAGES)
def test_every_link_of_a_page_leads_to_a_file(page: str) -> None:
    path = _ROOT / page
    links = _LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
