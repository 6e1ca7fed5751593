"""What all tests share: one running stack, and who runs beside whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_stack import RunningStack, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A whole stack, started as `messaging up` does; leave it running as you found it."""
    with running_stack() as stack:
        yield stack


# The longest first, so that no worker is left with one of them at the end.
_LONGEST = ("test_local_stack_recovery", "stack", "chaos")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep tests that share servers on one of the workers that run in parallel."""
    # Here, not when the collection is complete: xdist may have looked for the groups by then.
    item.add_marker(pytest.mark.xdist_group(_group(item)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the longest."""
    items.sort(key=_place)


def _group(item: pytest.Item) -> str:
    if "stack" in getattr(item, "fixturenames", ()):
        return "stack"
    path = item.path.relative_to(Path(__file__).parent)
    return path.stem if path.parent.name == "integration" else str(path.parent)


def _place(item: pytest.Item) -> int:
    group = _group(item)
    return _LONGEST.index(group) if group in _LONGEST else len(_LONGEST)
