"""What all tests share: one running stack, and who runs beside whom."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

from tests.running_stack import RunningStack, ServedStack, running_stack

# They need a Docker engine: `make test-compose` runs them.
collect_ignore = [] if os.environ.get("MESSAGING_TEST_COMPOSE") else ["containers"]


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A whole stack, started as `messaging up` does; leave it running as you found it.

    Where MESSAGING_TEST_URL names a service that runs already, it is that one; the folder
    MESSAGING_TEST_SECRETS holds its secrets, if they are known.
    """
    url = os.environ.get("MESSAGING_TEST_URL")
    if url:
        secrets = os.environ.get("MESSAGING_TEST_SECRETS")
        yield ServedStack(url, Path(secrets) if secrets else None)
        return
    with running_stack() as stack:
        yield stack


# The longest first, so that no worker is left with one of them at the end.
_LONGEST = ("tests/acceptance", "tests/recovery", "tests/chaos", "tests/fuzzing")


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives a folder's tests to one worker, for they share servers."""

    def _split_scope(self, nodeid: str) -> str:
        return _folder(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFolder:
    """Schedule by folder; xdist's own groups are lost on pytest 9.2, by module is too fine."""
    return ByFolder(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start with the longest; leave out what is marked as long, unless it is asked for."""
    items.sort(key=_place)
    if "long" not in str(config.getoption("markexpr")).split():
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _folder(nodeid: str) -> str:
    return str(PurePosixPath(nodeid.partition("::")[0]).parent)


def _place(item: pytest.Item) -> int:
    folder = _folder(item.nodeid)
    return _LONGEST.index(folder) if folder in _LONGEST else len(_LONGEST)
