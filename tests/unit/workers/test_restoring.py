"""How an import is cut into transactions."""

from __future__ import annotations

from typing import Any

import pytest

from events.archive_file import Line
from events.archive_reading import read_line
from events.selection import Logged
from tests.unit.events.test_archive_file import LINES
from workers import restoring

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("sizes", "at_once", "batches"),
    [
        ([1] * 7, 3, [3, 3, 1]),
        ([9 * MIB, 9 * MIB, 1, 1], 1_000, [1, 3]),
        ([8 * MIB, 8 * MIB, 1], 1_000, [2, 1]),
        ([16 * MIB] * 3, 1_000, [1, 1, 1]),
    ],
)
def test_a_batch_holds_so_many_lines_and_sixteen_mebibytes_at_most(
    sizes: list[int], at_once: int, batches: list[int]
) -> None:
    item: Any = read_line(LINES[2])
    assert isinstance(item, Logged)
    lines = (Line(item, size) for size in sizes)
    assert [len(batch) for batch in restoring._batches(lines, at_once=at_once)] == batches
