"""A bare migrated Postgres."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Servers, running


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with running() as started:
        yield started
