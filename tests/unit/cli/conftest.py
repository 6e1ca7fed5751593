"""Fixtures: a service in memory and the demo's people in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.demo.accounts import Accounts
from cli.demo.book import Book
from cli.demo.client import Client, Troubles
from tests.unit.cli.fake_service import FakeService


class Clock:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def client(service: FakeService, clock: Clock) -> Iterator[Client]:
    with httpx.Client(transport=service.transport, base_url="http://fake") as http:
        yield Client(http, troubles=Troubles(), pause=clock.pause, clock=clock)


@pytest.fixture
def open_accounts(client: Client, clock: Clock, tmp_path: Path) -> Callable[[], Accounts]:
    """Open the people's accounts as a new run of the demo does."""
    return lambda: Accounts(client, Book(tmp_path / "demo"), clock=clock)


@pytest.fixture
def accounts(open_accounts: Callable[[], Accounts]) -> Accounts:
    return open_accounts()
