"""What all tests share: one running stack a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_stack import RunningStack, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A whole stack, started as `messaging up` does; leave it running as you found it."""
    with running_stack() as stack:
        yield stack
