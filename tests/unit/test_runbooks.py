"""No runbook shows commands that nobody runs."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.name for page in (ROOT / "docs/runbooks").glob("*.md") if "```bash" in page.read_text()
)


@pytest.mark.parametrize("page", PAGES)
def test_a_test_follows_the_page(page: str) -> None:
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert any(f'{page}"' in path.read_text() for path in tests)
