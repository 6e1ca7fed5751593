"""Fixtures: one stack whose servers change their roles, are copied and put back, and its people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recovery.chat import Chat, chat
from tests.recovery.pair import Pair
from tests.running_stack import running_stack


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    """A primary and its standby; every test leaves both running, the one following the other."""
    with running_stack() as stack:
        yield Pair(stack)


@pytest.fixture(scope="session")
def talk(pair: Pair) -> Iterator[Chat]:
    """People whose every message must be shown once, in order, whatever becomes of the servers."""
    with chat(pair.stack) as people:
        yield people
