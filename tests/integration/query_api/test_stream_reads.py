"""What a stream is told is the same, whether it is found by conversations or by recent events."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from database.engines import create_engine_for
from query_api.reads import stream, stream_queries
from query_api.reads.progress import Reached
from query_api.reads.replica import Replica, Rows
from query_api.reads.statements import Statement
from query_api.reads.stream import Change, Looked, StreamReads
from query_api.reads.stream_recent import RECENT
from runtime.ids import AccountId
from tests.query_harness import Queries, Sent, World, settings_for
from tests.servers import Servers

MANY = 400


class Recording:
    """A replica that remembers what it was asked."""

    def __init__(self, servers: Servers) -> None:
        engine = create_engine(servers.database_url("query_api"), isolation_level="AUTOCOMMIT")
        self._replica = Replica(engine)
        self.asked: list[tuple[Statement, Mapping[str, object]]] = []

    def select(self, statement: Statement, parameters: Mapping[str, object]) -> Rows:
        self.asked.append((statement, parameters))
        return self._replica.select(statement, parameters)

    def statements(self) -> list[Statement]:
        return [statement for statement, _ in self.asked]


class Reader:
    """Follows an account's events as a stream does, with what it knows of its last look or not."""

    def __init__(self, servers: Servers, me: AccountId, *, remembers: bool) -> None:
        self.replica = Recording(servers)
        self._reads = StreamReads(self.replica)
        self._me = str(me)
        self._remembers = remembers
        self._progress: dict[int, Reached] = self._reads.now(self._me)
        self._looked: Looked | None = None

    def news(self, most: int = 100) -> list[Change]:
        found: list[Change] = []
        while True:
            known = self._looked if self._remembers else None
            news = self._reads.after(self._me, self._progress, known, most=most)
            for change in news.changes:
                self._progress[change.partition] = change.reached
            found += news.changes
            self._looked = news.looked
            if news.looked is not None:
                return found


def something_happens(
    chance: random.Random,
    world: World,
    people: list[Queries],
    sent: list[tuple[Queries, Queries, Sent]],
) -> None:
    """Do one thing that one of some people may do, or may not."""
    one, other = chance.sample(people, 2)
    what = chance.choice(["send", "send", "send", "edit", "delete", "hide", "read"])
    if what == "send" or not sent:
        sent.append((one, other, world.send(one.account, other.account, str(chance.random()))))
        return
    sender, recipient, message = chance.choice(sent)
    actor = chance.choice([sender, recipient])
    if what == "edit":
        world.edit(actor.account, message, str(chance.random()))
    elif what == "read":
        world.read(recipient.account, sender.account, chance.randint(1, 9))
    else:
        world.delete(actor.account, message, "me" if what == "hide" else "everyone")


@pytest.mark.parametrize("seed", range(3))
def test_recent_events_tell_what_conversations_tell(
    servers: Servers,
    world: World,
    register: Callable[[str], Queries],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    monkeypatch.setattr(stream, "_FEW_CONVERSATIONS", 0)
    monkeypatch.setattr(stream, "_FEW_EVENTS", 30)
    chance = random.Random(seed)
    people = [register(f"p{number}") for number in range(7)]
    me, leaver = people[0], people[-1]
    sent: list[tuple[Queries, Queries, Sent]] = []
    for other in people[1:3]:
        world.send(other.account, me.account, "before")
    plain = Reader(servers, me.account, remembers=False)
    quick = Reader(servers, me.account, remembers=True)
    told = 0
    for step in range(20):
        for _ in range(chance.randint(0, 8)):
            something_happens(chance, world, people[:-1] if step > 10 else people, sent)
        if step == 10:
            world.send(leaver.account, me.account, "farewell")
            world.erase(leaver.account)
        expected = plain.news(most=5)
        assert quick.news(most=5) == expected
        told += len(expected)
    assert told > 10
    assert set(plain.replica.statements()[1:]) == {stream_queries.AFTER}
    assert {RECENT, stream_queries.AFTER} <= set(quick.replica.statements())


@pytest.fixture
def popular(world: World, register: Callable[[str], Queries], superuser: Engine) -> Queries:
    """Somebody with many conversations."""
    one = register("popular")
    with superuser.begin() as connection:
        connection.execute(
            text(
                "WITH made AS (SELECT gen_random_uuid() AS id FROM generate_series(1, :many)),"
                " conversations AS (INSERT INTO read_model.conversation SELECT id, 1 FROM made)"
                " INSERT INTO read_model.conversation_member SELECT id, :me, gen_random_uuid(),"
                " 0, 0, NULL, now() FROM made"
            ),
            {"many": MANY, "me": one.account},
        )
    return one


def test_a_look_costs_what_was_applied_since_not_what_there_is(
    servers: Servers, world: World, superuser: Engine, popular: Queries, bob: Queries
) -> None:
    reader = Reader(servers, popular.account, remembers=True)
    assert reader.news() == []
    world.send(bob.account, popular.account, "hello")
    assert [change.kind for change in reader.news()] == ["message.sent"]
    statement, parameters = reader.replica.asked[-1]
    assert statement is RECENT
    with superuser.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.sql}", parameters)
        (((plan,),),) = cursor.fetchall()
    # Names are few here, whichever way they are joined.
    assert 0 < rows_of({"event", "conversation_member", "message"}, plan["Plan"]) < MANY / 4


def rows_of(tables: set[str], plan: Mapping[str, Any]) -> float:
    """Return how many rows a plan has taken from some tables."""
    own = plan["Actual Rows"] * plan["Actual Loops"] if plan.get("Relation Name") in tables else 0
    return float(own) + sum(rows_of(tables, below) for below in plan.get("Plans", []))


def test_where_too_much_was_applied_since_conversations_are_asked(
    servers: Servers,
    world: World,
    popular: Queries,
    alice: Queries,
    bob: Queries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "_FEW_EVENTS", 3)
    reader = Reader(servers, popular.account, remembers=True)
    reader.news()
    for number in range(4):
        world.send(alice.account, bob.account, str(number))
    world.send(alice.account, popular.account, "hello")
    assert [change.kind for change in reader.news()] == ["message.sent"]
    assert reader.replica.statements()[-2:] == [RECENT, stream_queries.AFTER]


def test_a_statement_is_given_up_after_the_time_of_its_process(servers: Servers) -> None:
    database = settings_for(servers).database
    for seconds, shown in ((5, "5s"), (0, "15s")):
        limited = replace(database, statement_seconds=seconds)
        engine = create_engine_for(limited, application_name="query-api", pool_size=1)
        with engine.connect() as connection:
            assert connection.execute(text("SHOW statement_timeout")).scalar_one() == shown
        engine.dispose()
