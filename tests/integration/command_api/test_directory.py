"""The directory against a real Postgres."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy import Engine, event, text

from command_api.directory import (
    LONGEST_MEMORY_S,
    Directory,
    DirectoryUnavailableError,
    RecipientUnknownError,
)
from command_api.last_known import KEPT_S, LastKnownNames
from database.engines import create_engine_for
from runtime import redis_client
from runtime.settings import DatabaseSettings, RedisSettings, Secret
from tests.bare import shut_out
from tests.command_harness import NOWHERE
from tests.integration.command_api.conftest import People
from tests.servers import Servers

FULL_WIDTH_BOB = "\uff22\uff2f\uff22"


class Clock:
    """Monotonic time that moves only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def engine(servers: Servers) -> Iterator[Engine]:
    settings = DatabaseSettings(url=servers.database_url("command_api"), password=Secret("-"))
    made = create_engine_for(settings, application_name="api-write", pool_size=1, autocommit=True)
    yield made
    made.dispose()


@pytest.fixture
def queries(engine: Engine) -> list[object]:
    seen: list[object] = []

    @event.listens_for(engine, "before_cursor_execute")
    def count(
        _connection: object, _cursor: object, _statement: str, parameters: object, *_: object
    ) -> None:
        seen.append(parameters)

    return seen


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def last_known(redis: Redis) -> LastKnownNames:
    return LastKnownNames(redis)


@pytest.fixture
def directory(engine: Engine, last_known: LastKnownNames, clock: Clock) -> Directory:
    return Directory(engine, last_known, clock=clock)


def test_an_account_is_found_by_any_form_of_its_name(directory: Directory, people: People) -> None:
    accounts = directory.find(["Alice", FULL_WIDTH_BOB])
    assert accounts.of("Alice") == people.alice
    assert accounts.of(FULL_WIDTH_BOB) == people.bob


@pytest.mark.parametrize("name", ["carol", "", "a b", "\0", "x" * 300, ".."])
def test_a_name_that_nobody_has_is_unknown(directory: Directory, people: People, name: str) -> None:
    with pytest.raises(RecipientUnknownError):
        directory.find([name]).of(name)


def test_many_names_are_one_query_and_known_ones_none(
    directory: Directory, people: People, queries: list[object]
) -> None:
    directory.find(["alice", "bob", "carol"])
    assert len(queries) == 1
    directory.find(["alice", "bob"])
    assert len(queries) == 1


def test_an_account_is_found_as_soon_as_it_is_registered(
    directory: Directory, people: People
) -> None:
    assert "carol" not in directory.find(["carol"]).ids
    carol = people.register("carol")
    assert directory.find(["carol"]).of("carol") == carol


def test_what_is_remembered_is_a_minute_old_at_most(
    directory: Directory, people: People, superuser: Engine, clock: Clock
) -> None:
    directory.find(["bob"])
    unregister(superuser, "bob")
    clock.now += LONGEST_MEMORY_S
    assert directory.find(["bob"]).of("bob") == people.bob
    clock.now += 0.1
    with pytest.raises(RecipientUnknownError):
        directory.find(["bob"]).of("bob")


def test_threads_that_miss_one_name_at_once_ask_once(
    directory: Directory, people: People, queries: list[object]
) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: directory.find(["bob"]).of("bob"), range(64)))
    assert set(found) == {people.bob}
    assert len(queries) == 1


def test_the_memory_is_bounded_and_the_longest_unread_goes_first(
    engine: Engine, last_known: LastKnownNames, people: People, queries: list[object]
) -> None:
    directory = Directory(engine, last_known, most=2)
    people.register("carol")
    for name in ("alice", "bob", "carol", "bob"):
        directory.find([name])
    assert len(queries) == 3
    directory.find(["alice"])
    assert len(queries) == 4


def test_while_postgres_is_away_old_answers_serve_and_others_cannot_be_told(
    directory: Directory, people: People, superuser: Engine, clock: Clock
) -> None:
    directory.find(["bob"])
    clock.now += 3_600
    with shut_out(superuser, "command_api"):
        accounts = directory.find(["bob", "alice"])
        assert accounts.of("bob") == people.bob
        with pytest.raises(DirectoryUnavailableError):
            accounts.of("alice")
    assert directory.find(["alice"]).of("alice") == people.alice


def test_what_another_process_was_told_serves_while_postgres_is_away(
    engine: Engine,
    directory: Directory,
    last_known: LastKnownNames,
    people: People,
    superuser: Engine,
) -> None:
    directory.find(["bob"])
    another = Directory(engine, last_known)
    with shut_out(superuser, "command_api"):
        accounts = another.find(["bob", FULL_WIDTH_BOB, "alice"])
        assert accounts.of("bob") == accounts.of(FULL_WIDTH_BOB) == people.bob
        with pytest.raises(DirectoryUnavailableError):
            accounts.of("alice")


def test_what_another_process_was_told_later_goes_first_while_postgres_is_away(
    engine: Engine,
    directory: Directory,
    last_known: LastKnownNames,
    people: People,
    superuser: Engine,
    clock: Clock,
) -> None:
    directory.find(["bob"])
    unregister(superuser, "bob")
    successor = people.register("bob")
    Directory(engine, last_known).find(["bob"])
    clock.now += LONGEST_MEMORY_S + 1
    with shut_out(superuser, "command_api"):
        assert directory.find(["bob"]).of("bob") == successor


def test_a_name_that_is_free_is_forgotten_by_all_once_one_process_asks(
    engine: Engine,
    directory: Directory,
    last_known: LastKnownNames,
    people: People,
    superuser: Engine,
) -> None:
    directory.find(["bob"])
    unregister(superuser, "bob")
    assert not Directory(engine, last_known).find(["bob"]).ids
    with shut_out(superuser, "command_api"), pytest.raises(DirectoryUnavailableError):
        Directory(engine, last_known).find(["bob"]).of("bob")


def test_while_postgres_answers_it_alone_tells_who_has_a_name(
    engine: Engine,
    directory: Directory,
    last_known: LastKnownNames,
    people: People,
    superuser: Engine,
) -> None:
    directory.find(["bob"])
    unregister(superuser, "bob")
    with pytest.raises(RecipientUnknownError):
        Directory(engine, last_known).find(["bob"]).of("bob")


def test_what_all_processes_share_is_kept_for_a_week_under_no_readable_name(
    directory: Directory, redis: Redis, people: People
) -> None:
    directory.find(["alice", "bob"])
    keys = redis.keys("name:*")
    assert len(keys) == 2
    assert not [key for key in keys if b"bob" in key or b"alice" in key]
    assert all(KEPT_S - 60 < redis.ttl(key) <= KEPT_S for key in keys)


@pytest.mark.parametrize("trouble", ["full", "away", "forbidden"])
def test_a_redis_that_keeps_no_names_is_no_hindrance(
    engine: Engine, people: People, redis: Redis, superuser: Engine, trouble: str
) -> None:
    if trouble == "full":
        redis.config_set("maxmemory", 1)
    elif trouble == "forbidden":
        redis.acl_setuser("stranger", enabled=True, nopass=True, commands=["+auth", "+hello"])
    client = {"full": redis, "away": nowhere(), "forbidden": stranger_of(redis)}[trouble]
    directory = Directory(engine, LastKnownNames(client))
    assert directory.find(["bob"]).of("bob") == people.bob
    another = Directory(engine, LastKnownNames(client))
    with shut_out(superuser, "command_api"):
        with pytest.raises(DirectoryUnavailableError):
            another.find(["bob"]).of("bob")
        assert directory.find(["bob"]).of("bob") == people.bob


def nowhere() -> Redis:
    settings = RedisSettings(url=NOWHERE.redis_url(), password=Secret("-"))
    return redis_client.connect(settings)


def stranger_of(redis: Redis) -> Redis:
    port = redis.connection_pool.connection_kwargs["port"]
    url = f"redis://stranger@127.0.0.1:{port}/0"
    return redis_client.connect(RedisSettings(url=url, password=Secret("-")))


def unregister(superuser: Engine, username: str) -> None:
    with superuser.begin() as connection:
        connection.execute(
            text("DELETE FROM identity.account WHERE username = :name"), {"name": username}
        )


def test_a_connection_that_died_in_the_pool_is_not_noticed(
    directory: Directory, people: People, superuser: Engine
) -> None:
    directory.find(["alice"])
    with shut_out(superuser, "command_api"):
        pass
    assert directory.find(["bob"]).of("bob") == people.bob


def test_a_postgres_that_says_nothing_holds_up_one_thread_and_the_others_briefly() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        servers = replace(NOWHERE, postgres_port=silent.getsockname()[1])
        settings = DatabaseSettings(url=servers.database_url("command_api"), password=Secret("-"))
        engine = create_engine_for(settings, application_name="api-write", pool_size=1)
        directory = Directory(engine, LastKnownNames(nowhere()))

        def seconds_to_fail(_number: int) -> float:
            started = time.monotonic()
            assert not directory.find(["bob"]).complete
            return time.monotonic() - started

        with ThreadPoolExecutor(4) as pool:
            assert max(pool.map(seconds_to_fail, range(4))) < 6
            finding_out = pool.submit(seconds_to_fail, 5)
            time.sleep(0.5)
            assert max(pool.map(seconds_to_fail, range(3))) < 1
            assert not finding_out.done()
        engine.dispose()
