"""Fixtures: a service in memory, and clients of it whose pauses take no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from messaging_client import MessagingClient, Retries
from tests.fake_service import Clock, FakeService

# Without luck: each pause is the longest that it may be.
Connect = Callable[..., MessagingClient]


def longest(_low: float, high: float) -> float:
    return high


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def retries(clock: Clock) -> Retries:
    return Retries(clock=clock, sleep=clock.pause, uniform=longest)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def connect(service: FakeService, retries: Retries) -> Iterator[Connect]:
    """Make a client; `transport` and `patience` may be given beside its own keywords."""
    opened: list[httpx.Client] = []

    def made(
        *,
        transport: httpx.BaseTransport | None = None,
        patience: dict[str, Any] | None = None,
        **keywords: Any,
    ) -> MessagingClient:
        http = httpx.Client(
            transport=transport or service.transport, base_url="http://fake", timeout=5.0
        )
        opened.append(http)
        return MessagingClient(
            "http://fake", http=http, retries=replace(retries, **(patience or {})), **keywords
        )

    yield made
    for http in opened:
        http.close()


@pytest.fixture
def ann(connect: Connect, service: FakeService) -> MessagingClient:
    """Ann, logged in; Ben is there too."""
    client = connect()
    for name in ("ann", "ben"):
        client.register(name, f"{name}@example.org", f"secret of {name}")
    client.login("ann", "secret of ann")
    service.requests.clear()
    return client
