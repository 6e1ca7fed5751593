"""Readers that wait for an effect leave the threads of others alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from events.contracts.messages import MessageSent
from query_api.settings import WaitSettings
from runtime.ids import conversation_of, new_message_id
from tests.integration.query_api.conftest import Register
from tests.query_harness import Applied, Queries, World, app_for, problem
from tests.servers import Servers

MOST = 3
MOST_OF_ACCOUNT = 2
PATIENT = {"Prefer": "wait=10"}


class Laggard:
    """A message that was accepted and is not applied yet, and readers who wait for it."""

    def __init__(self, world: World, sender: Queries, recipient: Queries) -> None:
        conversation = conversation_of(sender.account, recipient.account)
        self._world, self._sender = world, sender
        self._event = MessageSent(
            message_id=new_message_id(conversation),
            conversation_id=conversation,
            recipient_id=recipient.account,
            body="late",
        )
        self.pending: Applied = world.accept(self._event, sender.account)

    def apply(self) -> None:
        self._world.project(self._event, self._sender.account, self.pending)

    def ask(self, who: Queries) -> TestResponse:
        return who.call("unread", **self.pending.header, **PATIENT)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture(scope="module")
def few(servers: Servers) -> WaitSettings:
    return WaitSettings(limit=MOST, limit_of_account=MOST_OF_ACCOUNT)


def refused_at_once(asked: list[Future[TestResponse]], waiting: int) -> None:
    """Assert that all but so many are answered while those go on to wait."""
    while len(done := [one for one in asked if one.done()]) < len(asked) - waiting:
        wait([one for one in asked if one not in done], return_when="FIRST_COMPLETED")
    for one in done:
        assert problem(one.result()) == (503, "not-yet-visible")
        assert int(one.result().headers["Retry-After"]) >= 1
    assert len(done) == len(asked) - waiting


def test_readers_of_one_account_beyond_its_share_are_answered_while_the_others_wait(
    servers: Servers,
    few: WaitSettings,
    world: World,
    alice: Queries,
    bob: Queries,
    pool: ThreadPoolExecutor,
) -> None:
    hers = replace(alice, app=app_for(servers, wait=few))
    late = Laggard(world, alice, bob)
    asked = [pool.submit(late.ask, hers) for _ in range(6)]
    refused_at_once(asked, waiting=MOST_OF_ACCOUNT)
    late.apply()
    assert sorted(one.result().status_code for one in asked) == [200] * 2 + [503] * 4


def test_readers_of_many_accounts_beyond_the_share_of_a_process_are_answered_too(
    servers: Servers,
    few: WaitSettings,
    world: World,
    register: Register,
    pool: ThreadPoolExecutor,
) -> None:
    app = app_for(servers, wait=few)
    people = [replace(register(f"reader{number}"), app=app) for number in range(6)]
    late = Laggard(world, people[0], people[1])
    asked = [pool.submit(late.ask, one) for one in people]
    refused_at_once(asked, waiting=MOST)
    # Whoever needs not wait is served as ever, with a token that is visible too.
    seen = world.send(people[2].account, people[3].account)
    assert people[2].call("unread", **seen.header).status_code == 200
    late.apply()
    assert sorted(one.result().status_code for one in asked) == [200] * 3 + [503] * 3
