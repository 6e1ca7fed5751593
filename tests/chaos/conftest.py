"""A stack to be broken, apart from the one that the other tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_stack import CANARIES, RunningStack, running_stack


@pytest.fixture(scope="session")
def fragile() -> Iterator[RunningStack]:
    with running_stack(**CANARIES) as stack:
        yield stack
