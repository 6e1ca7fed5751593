"""A stack to be broken, apart from the one that the other tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_stack import RunningStack, running_stack


@pytest.fixture(scope="session")
def fragile() -> Iterator[RunningStack]:
    # With canaries, as people run it.
    with running_stack(MESSAGING_CANARY_SECONDS="2", MESSAGING_CANARY_LIMIT="20") as stack:
        yield stack
