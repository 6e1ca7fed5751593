"""Real faults of a real Postgres: none of them parks an event that could be applied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from events import holds
from events.holds import Hold
from runtime.clock import utc_now
from runtime.ids import Partition
from tests.projector.conftest import Harness
from tests.projector.mischief import POISON, refusing
from tests.projector.test_model import query
from tests.projector.test_projector import Pair, outcome_of
from tests.servers import Servers
from workers.faults import classify
from workers.poison_limit import FaultSettings
from workers.projector import Projector
from workers.segments import Segments


@pytest.fixture
def pair(harness: Harness) -> Pair:
    return Pair(harness)


@contextmanager
def failing(engine: Engine, provoke: Callable[[Connection], None]) -> Iterator[None]:
    """Before the read model is written, have the transaction fail by itself, each time."""

    def before(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "INSERT INTO read_model.message " in statement:
            provoke(connection)

    event.listen(engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", before)


def statement_timeout(connection: Connection) -> None:
    connection.execute(text("SET LOCAL statement_timeout = '10ms'"))
    connection.execute(text("SELECT pg_sleep(5)"))


def read_only(connection: Connection) -> None:
    connection.execute(text("SET TRANSACTION READ ONLY"))
    connection.execute(text("UPDATE event_log.checkpoint SET number = number"))


def temporary_files(connection: Connection) -> None:
    connection.execute(text("SET LOCAL work_mem = '64kB'"))
    connection.execute(
        text(
            "SELECT count(*) FROM (SELECT g FROM generate_series(1, 200000) AS g"
            " ORDER BY g DESC OFFSET 1) AS sorted"
        )
    )


def terminated(connection: Connection) -> None:
    connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


_SLEEPY = """
CREATE FUNCTION read_model.sleepy() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END $$;
CREATE TRIGGER sleepy BEFORE INSERT ON read_model.message
    FOR EACH ROW EXECUTE FUNCTION read_model.sleepy();
"""


def test_what_takes_too_long_at_once_is_applied_in_parts(
    harness: Harness, pair: Pair, superuser: Engine, engine: Engine
) -> None:
    def hurry(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL statement_timeout = '1s'")

    with superuser.begin() as transaction:
        transaction.exec_driver_sql(_SLEEPY)
    event.listen(engine, "begin", hurry)
    try:
        for _ in range(8):
            harness.append(pair.sent())
        harness.drain_all()
    finally:
        event.remove(engine, "begin", hurry)
        with superuser.begin() as transaction:
            transaction.exec_driver_sql("DROP FUNCTION read_model.sleepy CASCADE")
    rows = query(
        harness,
        "SELECT position, outcome FROM event_log.event WHERE conversation_id = :id"
        ' ORDER BY "offset"',
        id=pair.conversation,
    )
    assert [tuple(row) for row in rows] == [(number, "applied") for number in range(1, 9)]


@pytest.mark.parametrize(
    ("provoke", "codes"),
    # Whether the last words of a backend arrive is chance.
    [(statement_timeout, {"57014"}), (read_only, {"25006"}), (terminated, {"57P01", None})],
    ids=["statement timeout", "read-only", "admin shutdown"],
)
def test_a_database_that_fails_parks_nothing_and_is_waited_for(
    harness: Harness, pair: Pair, provoke: Callable[[Connection], None], codes: set[str | None]
) -> None:
    sent = pair.sent("later")
    harness.append(sent)
    partition = harness.queue.partition_of(sent)
    harness.queue.clear_bell(partition)
    projector = harness.projector()
    with failing(harness.engine, provoke):
        for _ in range(3):
            with pytest.raises(DBAPIError) as raised:
                projector.drain(partition)
            assert raised.value.orig.pgcode in codes  # type: ignore[union-attr]  # psycopg2's
            assert classify(raised.value) == "transient"
    assert outcome_of(harness, sent) is None
    # Nobody wakes a projector meanwhile; once the bell has run out the sweep does.
    assert not harness.queue.ring(partition)
    assert 0 < harness.queue._redis.pttl(f"bell:{partition}") <= 1_000
    assert projector.drain(partition).applied == 1
    assert pair.bodies() == ["later"]


def held_in(harness: Harness, partition: Partition) -> list[Hold]:
    with harness.engine.connect() as connection:
        return [hold for hold in holds.held(connection) if hold.partition == partition]


def test_an_event_that_takes_too_long_is_named_as_what_holds_its_partition(
    harness: Harness, pair: Pair
) -> None:
    partition = harness.queue.partition_of(pair.sent())
    projector = harness.projector()
    segments = Segments(harness.queue, harness.engine, clock=utc_now)

    def shown() -> float:
        [held] = (
            sample.value
            for sample in segments.primary()
            if sample.name == "messaging_held_partitions" and sample.labels == (str(partition),)
        )
        return held

    # Behind the first batch: the event is found by halves, and alone.
    harness.append(pair.sent("before"))
    projector.drain(partition)
    assert held_in(harness, partition) == []
    for body in ("slow", "behind", "it"):
        harness.append(pair.sent(body))
    with failing(harness.engine, statement_timeout):
        for _ in range(2):
            with pytest.raises(DBAPIError):
                projector.drain(partition)
    [hold] = held_in(harness, partition)
    assert hold.reason == "canceling statement due to statement timeout"
    assert shown() == 1
    projector.drain(partition)
    assert pair.bodies() == ["before", "slow", "behind", "it"]
    assert (held_in(harness, partition), shown()) == ([], 0)


@pytest.fixture
def two(servers: Servers) -> Iterator[tuple[Connection, Connection]]:
    engine = create_engine(servers.database_url("postgres"))
    with engine.connect() as one, engine.connect() as other:
        one.execute(text("DROP TABLE IF EXISTS public.rows"))
        one.execute(
            text(
                "CREATE TABLE public.rows AS SELECT g AS id, 0 AS n FROM generate_series(1, 2) AS g"
            )
        )
        one.commit()
        yield one, other
        one.rollback()
        other.rollback()
        one.execute(text("DROP TABLE public.rows"))
        one.commit()
    engine.dispose()


def code_of(error: DBAPIError) -> str:
    return str(getattr(error.orig, "pgcode", None))


def test_a_deadlock_is_waited_for(two: tuple[Connection, Connection]) -> None:
    errors: list[DBAPIError] = []
    both = threading.Barrier(2)

    def update(connection: Connection, first: int, second: int) -> None:
        change = text("UPDATE public.rows SET n = n + 1 WHERE id = :id")
        try:
            connection.execute(change, {"id": first})
            both.wait()
            connection.execute(change, {"id": second})
        except DBAPIError as error:
            errors.append(error)
        finally:
            connection.rollback()

    threads = [
        threading.Thread(target=update, args=(two[0], 1, 2)),
        threading.Thread(target=update, args=(two[1], 2, 1)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [error] = errors
    assert (code_of(error), classify(error)) == ("40P01", "transient")


def test_a_serialization_failure_is_waited_for(two: tuple[Connection, Connection]) -> None:
    one, other = two
    for connection in two:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        connection.execute(text("SELECT * FROM public.rows"))
    one.execute(text("UPDATE public.rows SET n = 1 WHERE id = 1"))
    one.commit()
    with pytest.raises(DBAPIError) as raised:
        other.execute(text("UPDATE public.rows SET n = 2 WHERE id = 1"))
    assert (code_of(raised.value), classify(raised.value)) == ("40001", "transient")


def test_a_lock_that_is_not_given_is_waited_for(two: tuple[Connection, Connection]) -> None:
    one, other = two
    one.execute(text("UPDATE public.rows SET n = 1 WHERE id = 1"))
    other.execute(text("SET LOCAL lock_timeout = '10ms'"))
    with pytest.raises(DBAPIError) as raised:
        other.execute(text("UPDATE public.rows SET n = 2 WHERE id = 1"))
    assert (code_of(raised.value), classify(raised.value)) == ("55P03", "transient")


def test_a_disk_without_room_is_waited_for(two: tuple[Connection, Connection]) -> None:
    one, _ = two
    one.execute(text("SET LOCAL temp_file_limit = '64kB'"))
    with pytest.raises(DBAPIError) as raised:
        temporary_files(one)
    assert (code_of(raised.value), classify(raised.value)) == ("53400", "transient")


def test_too_many_connections_and_a_server_that_is_gone_are_waited_for(servers: Servers) -> None:
    engine = create_engine(servers.database_url("postgres"))
    with engine.begin() as connection:
        connection.execute(text("ALTER ROLE pgpool CONNECTION LIMIT 0"))
    limited = create_engine(servers.database_url("pgpool"))
    with pytest.raises(OperationalError, match="too many connections") as refused:
        limited.connect()
    with engine.begin() as connection:
        connection.execute(text("ALTER ROLE pgpool CONNECTION LIMIT -1"))
    engine.dispose()
    nowhere = create_engine("postgresql+psycopg2://worker@127.0.0.1:1/messaging")
    with pytest.raises(OperationalError) as gone:
        nowhere.connect()
    assert (classify(refused.value), classify(gone.value)) == ("transient", "transient")


def test_the_redis_that_is_away_is_waited_for(harness: Harness, pair: Pair) -> None:
    harness.append(pair.sent())
    harness.queue._redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
    harness.drain_all()
    assert pair.bodies() == ["hello"]


def patient(harness: Harness, attempts: int) -> Projector:
    return Projector(
        harness.queue,
        harness.engine,
        batch_size=1_000,
        clock=lambda: query(harness, "SELECT now()")[0][0],
        linger_ms=0,
        faults=FaultSettings(attempts=attempts),
    )


def test_what_nobody_expected_is_tried_some_times_and_then_set_aside(
    harness: Harness, pair: Pair
) -> None:
    tries: list[int] = []

    def bug(connection: Connection) -> None:
        tries.append(1)
        raise KeyError("a bug of ours")

    bad, healthy = pair.sent(), Pair(harness)
    harness.append(bad)
    partition = harness.queue.partition_of(bad)
    with failing(harness.engine, bug):
        drained = patient(harness, attempts=3).drain(partition)
    assert drained.parked == 1
    [letter] = query(
        harness,
        "SELECT reason, attempts, traceback FROM event_log.dead_letter WHERE event_id = :id",
        id=bad.id,
    )
    assert (letter.reason, letter.attempts) == ("KeyError: '…'", 3)
    assert "KeyError" in letter.traceback
    assert len(tries) == 3
    harness.append(healthy.sent())
    harness.drain_all()
    assert healthy.bodies() == ["hello"]


def test_what_nobody_expected_and_goes_away_parks_nothing(harness: Harness, pair: Pair) -> None:
    tries: list[int] = []

    def once_or_twice(connection: Connection) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise KeyError("a bug of ours, now and then")

    sent = pair.sent()
    harness.append(sent)
    with failing(harness.engine, once_or_twice):
        drained = patient(harness, attempts=3).drain(harness.queue.partition_of(sent))
    assert (drained.applied, drained.parked) == (1, 0)
    assert pair.bodies() == ["hello"]


def test_data_that_the_schema_refuses_is_set_aside_at_once(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    harness.append(pair.sent(POISON))
    with refusing(superuser, f"body <> '{POISON}'"):
        drained = harness.projector().drain(Partition(harness.queue.partition_of(pair.sent())))
    assert drained.parked == 1
    [letter] = query(
        harness,
        "SELECT attempts FROM event_log.dead_letter WHERE conversation_id = :id",
        id=pair.conversation,
    )
    assert letter.attempts == 1
