"""Fixtures: people of the running stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.people import Person, Register, registering
from tests.running_stack import RunningStack


@pytest.fixture
def register(stack: RunningStack) -> Iterator[Register]:
    """Register somebody whom no other test knows, and log them in."""
    with registering(stack.url) as register:
        yield register


@pytest.fixture
def alice(register: Register) -> Person:
    return register("alice")


@pytest.fixture
def bob(register: Register) -> Person:
    return register("bob")
