"""Fixtures: Postgres and Valkey alone, the event queue opened, a few accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from events.queue import EventQueue
from runtime.ids import AccountId, Epoch, new_id
from runtime.settings import QueueSettings
from tests import bare
from tests.command_harness import Commands, commands_of
from tests.servers import Servers

QUEUE = QueueSettings(partitions=4, limit=1_000, bell_ttl_seconds=5)


servers = bare.servers
superuser = bare.superuser
redis = bare.redis


@pytest.fixture
def queue(redis: Redis) -> EventQueue:
    opened = EventQueue(redis, QUEUE)
    opened.open(Epoch(1))
    return opened


@dataclass(frozen=True, kw_only=True)
class People:
    """Accounts by username; `register` makes one more."""

    alice: AccountId
    bob: AccountId
    register: Callable[[str], AccountId]


@pytest.fixture
def people(superuser: Engine) -> Iterator[People]:
    def register(username: str) -> AccountId:
        account = AccountId(new_id())
        row = {"id": account, "name": username}
        with superuser.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO identity.account"
                    " (id, username, email, email_key, password_hash, created_at)"
                    " VALUES (:id, :name, :name, :name, '-', now())"
                ),
                row,
            )
        return account

    yield People(alice=register("alice"), bob=register("bob"), register=register)
    with superuser.begin() as connection:
        connection.execute(text("DELETE FROM identity.account"))


@pytest.fixture
def alice(servers: Servers, queue: EventQueue, people: People) -> Commands:
    return commands_of(people.alice, servers, QUEUE)
