"""Fixtures: a service in memory and the demo's people in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.demo.accounts import Accounts
from cli.demo.book import Book
from cli.demo.troubles import Troubles, client_factory
from messaging_client import MessagingClient
from tests.fake_service import Clock, FakeService


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def troubles() -> Troubles:
    return Troubles()


@pytest.fixture
def connect(
    service: FakeService, clock: Clock, troubles: Troubles
) -> Iterator[Callable[[], MessagingClient]]:
    """Make a client of one person, as the demo does."""
    with httpx.Client(transport=service.transport, base_url="http://fake") as http:
        yield client_factory(http, troubles, pause=clock.pause, clock=clock)


@pytest.fixture
def open_accounts(connect: Callable[[], MessagingClient], tmp_path: Path) -> Callable[[], Accounts]:
    """Open the people's accounts as a new run of the demo does."""
    return lambda: Accounts(connect, Book(tmp_path / "demo"))


@pytest.fixture
def accounts(open_accounts: Callable[[], Accounts]) -> Accounts:
    return open_accounts()
