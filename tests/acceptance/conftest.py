"""Who uses the stack in acceptance tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.footprint import footprint
from tests.acceptance.people import Person, Register, registering
from tests.running_stack import RunningStack, ServedStack


@pytest.fixture(scope="module")
def people(stack: RunningStack) -> Iterator[tuple[Person, Person, Person]]:
    """Three people who have nothing to do with one another yet."""
    with registering(stack) as register:
        yield register("alice"), register("bob"), register("carol")


@pytest.fixture
def register(stack: RunningStack) -> Iterator[Register]:
    """Register somebody whom no other test knows, and log them in."""
    with registering(stack) as register:
        yield register


@pytest.fixture
def alice(register: Register) -> Person:
    return register("alice")


@pytest.fixture
def bob(register: Register) -> Person:
    return register("bob")


@pytest.fixture
def without_effect(stack: RunningStack) -> Iterator[None]:
    """Check that the test leaves no event and no row behind, and changes none."""
    if isinstance(stack, ServedStack):
        yield  # Its databases cannot be seen from here.
        return
    before = footprint(stack)
    yield
    assert footprint(stack) == before
