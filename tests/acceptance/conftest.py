"""Who uses the stack in acceptance tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.people import Person, registering
from tests.running_stack import RunningStack


@pytest.fixture(scope="module")
def people(stack: RunningStack) -> Iterator[tuple[Person, Person, Person]]:
    """Three people who have nothing to do with one another yet."""
    with registering(stack) as register:
        yield register("alice"), register("bob"), register("carol")
