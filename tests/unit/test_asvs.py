"""The table of security requirements names items that exist once, and tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs/asvs.md"
_ITEM = re.compile(r"v5\.0\.0-(\d{1,2})\.(\d{1,2})\.(\d{1,2})")
_CHAPTER = re.compile(r"## V(\d+) [A-Z]")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_LEAST_ROWS_WITH_TESTS = 40
_UNMET = "**Not met**"


def _rows() -> list[tuple[str, list[str]]]:
    """Return each row's chapter and cells."""
    chapter, found = "", []
    for line in _PAGE.read_text(encoding="utf-8").splitlines():
        if heading := _CHAPTER.match(line):
            chapter = heading[1]
        elif line.startswith("| v"):
            found.append((chapter, [cell.strip() for cell in line.strip("|").split(" | ")]))
    return found


@cache
def _tests_in(path: str) -> frozenset[str]:
    tree = ast.parse((_ROOT / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_item_is_well_formed_and_stands_once_in_its_chapter() -> None:
    items = []
    for chapter, cells in _rows():
        assert len(cells) == 5, cells
        matched = _ITEM.fullmatch(cells[0])
        assert matched, cells[0]
        assert matched[1] == chapter
        assert cells[1] in {"1", "2", "3"}
        assert all(cells)
        items.append(tuple(map(int, matched.groups())))
    assert items == sorted(set(items))


def test_enough_rows_are_shown_by_tests() -> None:
    shown = [cells for _, cells in _rows() if _TEST.search(cells[4])]
    assert len(shown) >= _LEAST_ROWS_WITH_TESTS


@pytest.mark.parametrize("cells", [cells for _, cells in _rows()], ids=lambda cells: cells[0])
def test_the_tests_that_a_row_names_exist(cells: list[str]) -> None:
    named = _TEST.findall(cells[4])
    for path, name in named:
        assert (_ROOT / path).is_file(), path
        assert name in _tests_in(path), f"{path}::{name}"
    assert _TEST.sub("", cells[4]).replace("<br>", "") == ("" if named else "—")
    # Who names no test must say what is missing.
    assert named or cells[3].startswith(_UNMET)
