"""The runbooks about Redis and about what does not come up, followed; `make test-long`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recovery.chat import Chat
from tests.recovery.pages import Page
from tests.recovery.pair import Pair

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1200)]


def test_a_service_that_does_not_come_up(pair: Pair, talk: Chat, tmp_path: Path) -> None:
    page = Page("service-does-not-come-up.md", pair.stack, tmp_path)
    page.all("readyz", "status", "logs query_api", "logs supervisor")
    page.end()
    pair.stack.down()
    pair.stack.up()
    assert pair.is_well(talk)


def test_redis_that_is_full(pair: Pair, talk: Chat, tmp_path: Path) -> None:
    page = Page("redis-full.md", pair.stack, tmp_path)
    assert "memory_share" in page.next("memory_share")
    page.all("down", "MESSAGING_REDIS_MEMORY=2gb")
    page.end()
    assert pair.is_well(talk)


def test_redis_that_was_lost(pair: Pair, talk: Chat, tmp_path: Path) -> None:
    talk.send(10)
    talk.await_complete()
    page = Page("lost-redis.md", pair.stack, tmp_path)
    page.all("logs redis", "down", "mv ", "up")
    pair.stack.wait_ready(90)
    told = page.next("queue.opened")
    assert "queue.opened" in told
    assert "revocations.restored" in told
    page.end()
    assert pair.is_well(talk)
