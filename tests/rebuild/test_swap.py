"""The swap: what is the same after it, what is kept, and who must not notice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, NullPool, create_engine, text

from database.migrate import upgrade
from database.models import Base
from events import checkpoints
from events.canaries import last_sent
from events.contracts.envelope import Envelope
from events.selection import EVERYTHING
from runtime.clock import utc_now
from runtime.ids import Partition
from tests.database.test_migrations import SCHEMAS
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.test_model import Scenario, query
from tests.rebuild.histories import HISTORY, perform, rows_of
from tests.rebuild.test_rebuild import Interrupting, rebuild_of, run
from tests.running_stack import wait_until
from tests.servers import Servers
from workers import canaries
from workers import rebuild as rebuilding
from workers.alone import AnotherIsRunningError, Engines, alone
from workers.pace import InterruptedWorkError, Pace
from workers.rebuild import NothingKeptError, OtherFormError
from workers.spares import NEXT, OLD
from workers.verify import Verification

SECRET = "zanzibar"
FORM = """
    SELECT 'relation', c.relname, c.relkind::text, c.relacl::text, c.relowner::regrole::text,
        c.reloptions::text
    FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(:schema)
    UNION ALL SELECT 'index', tablename, indexname,
        replace(indexdef, schemaname || '.', ''), NULL, NULL
    FROM pg_indexes WHERE schemaname = :schema
    UNION ALL SELECT 'constraint', conrelid::regclass::oid::regclass::text, conname,
        pg_get_constraintdef(oid), NULL, NULL
    FROM pg_constraint WHERE connamespace = to_regnamespace(:schema)
    UNION ALL SELECT 'column', table_name, column_name, column_default, is_nullable,
        generation_expression
    FROM information_schema.columns WHERE table_schema = :schema
    UNION ALL SELECT 'schema', '', nspacl::text, nspowner::regrole::text, NULL, NULL
    FROM pg_namespace WHERE nspname = :schema
    UNION ALL SELECT 'default', '', defaclacl::text, NULL, NULL, NULL
    FROM pg_default_acl WHERE defaclnamespace = to_regnamespace(:schema)
"""


def form_of(superuser: Engine, schema: str) -> set[tuple[Any, ...]]:
    with superuser.connect() as connection:
        rows = connection.execute(text(FORM), {"schema": schema}).all()
    return {tuple(str(part).replace(f"{schema}.", "") for part in row) for row in rows}


def test_the_new_read_model_has_the_form_rights_and_statistics_of_the_old_one(
    engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    before = form_of(superuser, "read_model")
    run(engines, swap=False)
    assert form_of(superuser, NEXT) == before
    run(engines)
    assert form_of(superuser, "read_model") == before
    assert form_of(superuser, OLD) == before
    with superuser.connect() as connection:
        analysed = connection.execute(
            text("SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'read_model'")
        ).scalars()
        assert set(analysed) >= {"message", "conversation", "conversation_member"}


def test_migrations_go_on_after_a_swap(
    servers: Servers, engines: Engines, scenario: Scenario
) -> None:
    run(engines)
    upgrade(servers.database_url("messaging_owner"))
    engine = create_engine(servers.database_url("messaging_owner"), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name in SCHEMAS,
                "version_table": "schema_version",
                "version_table_schema": "event_log",
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_what_was_wrong_in_the_live_read_model_is_reported_and_replaced(
    engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    right = rows_of(engines.operator, "read_model")
    with superuser.begin() as transaction:
        transaction.execute(
            text("UPDATE read_model.message SET body = 'forged' WHERE body = 'two'")
        )
    compared = run(engines).compared
    assert compared.conversations == {"message": 1}
    assert len(compared.examples) == 1
    assert rows_of(engines.operator, "read_model") == right


def test_a_rollback_loses_nothing_that_was_applied_since(
    harness: Harness, engines: Engines, scenario: Scenario
) -> None:
    run(engines)
    perform(harness, scenario, HISTORY)
    before = rows_of(engines.operator, "read_model")
    with engines.operator.connect() as connection:
        new = connection.execute(text("SELECT 'read_model.message'::regclass::oid")).scalar()
    rolled = rebuild_of(engines).roll_back()
    assert rolled.events
    assert rolled.compared.is_equal
    assert rows_of(engines.operator, "read_model") == before
    with engines.operator.connect() as connection:
        kept = connection.execute(text(f"SELECT '{OLD}.message'::regclass::oid")).scalar()
    assert kept == new
    # And forth again.
    perform(harness, scenario, HISTORY)
    assert rebuild_of(engines).roll_back().compared.is_equal


def test_a_rollback_leaves_a_rebuild_that_was_begun_to_go_on(
    engines: Engines, scenario: Scenario
) -> None:
    run(engines)
    run(engines, swap=False)
    rebuild_of(engines).roll_back()
    rebuilt = run(engines)
    assert rebuilt.resumed
    assert rebuilt.compared.is_equal


def test_a_rollback_without_an_old_read_model_is_refused(
    engines: Engines, scenario: Scenario
) -> None:
    with pytest.raises(NothingKeptError):
        rebuild_of(engines).roll_back()


@pytest.mark.parametrize(
    "change",
    [
        f"ALTER TABLE {OLD}.message DROP COLUMN read_at",
        f"DROP INDEX {OLD}.ix_message_search",
    ],
)
def test_a_read_model_from_before_a_migration_is_not_rolled_back_to(
    engines: Engines, superuser: Engine, scenario: Scenario, change: str
) -> None:
    run(engines)
    with superuser.begin() as transaction:
        transaction.execute(text(change))
    with pytest.raises(OtherFormError):
        rebuild_of(engines).roll_back()


def test_a_rebuild_begun_before_a_migration_must_begin_again(
    engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    run(engines, swap=False)
    with superuser.begin() as transaction:
        transaction.execute(text(f"ALTER TABLE {NEXT}.message DROP COLUMN read_at"))
    with pytest.raises(OtherFormError):
        run(engines)
    rebuilt = run(engines, restart=True)
    assert not rebuilt.resumed
    assert rebuilt.compared.is_equal


def test_a_rebuild_goes_on_where_it_was_stopped(engines: Engines, scenario: Scenario) -> None:
    with pytest.raises(InterruptedWorkError):
        rebuild_of(engines, Interrupting(), batch_size=1).run()
    with engines.operator.connect() as connection:
        left = rebuilding.left_to_fold(connection)
    rebuilt = run(engines)
    assert rebuilt.resumed
    assert 0 < rebuilt.events == left


def test_two_at_once_are_refused(engines: Engines, scenario: Scenario) -> None:
    with alone(engines.operator):
        with pytest.raises(AnotherIsRunningError):
            run(engines)
        with pytest.raises(AnotherIsRunningError):
            rebuild_of(engines).roll_back()
    assert run(engines).swapped


def test_discarding_drops_what_is_not_live(
    engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    run(engines)
    run(engines, swap=False)
    assert rebuilding.discard(engines) == {NEXT, OLD}
    assert form_of(superuser, NEXT) == form_of(superuser, OLD) == set()
    assert rebuilding.discard(engines) == set()


def test_deleted_text_is_in_no_read_model(
    harness: Harness, engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    deleted = [
        ("send", 0, 1, SECRET, SECRET),
        ("edit", 0, -1, {"body": SECRET + " again"}),
        ("send", 1, 0, SECRET, None),
    ]
    perform(harness, scenario, deleted)
    run(engines)
    run(engines, swap=False)
    assert all(SECRET in dump(superuser, schema) for schema in ("read_model", NEXT, OLD))
    perform(harness, scenario, [("delete", 0, -2, "everyone")])
    perform(harness, scenario, [("leave", 1, p) for p in range(SETTINGS.partitions)])
    # At once, also where nobody goes on with the rebuild.
    assert not any(SECRET in dump(superuser, schema) for schema in ("read_model", NEXT, OLD))
    rebuilt = run(engines)
    assert rebuilt.compared.is_equal
    assert not any(SECRET in dump(superuser, schema) for schema in ("read_model", OLD))
    assert SECRET not in dump(superuser, "event_log")
    before = rows_of(engines.operator, "read_model")
    rebuild_of(engines).roll_back()
    assert rows_of(engines.operator, "read_model") == before


def test_a_spare_read_model_that_is_locked_stops_no_deletion(
    harness: Harness, engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    run(engines, swap=False)
    with superuser.begin() as transaction:
        # As while its indexes are made.
        transaction.execute(text(f"LOCK TABLE {NEXT}.message IN SHARE MODE"))
        perform(harness, scenario, [("delete", 0, 0, "everyone")])
    assert len(query(harness, "SELECT FROM read_model.message WHERE deleted_at IS NOT NULL")) == 2
    assert run(engines).compared.is_equal


def test_deleted_text_leaves_the_old_read_model_even_if_it_is_locked_for_a_moment(
    harness: Harness, engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    perform(harness, scenario, [("send", 0, 1, SECRET, None)])
    run(engines)
    with superuser.connect() as connection, connection.begin() as transaction:
        connection.execute(text(f"LOCK TABLE {OLD}.message IN SHARE MODE"))
        deletion = [("delete", 0, -1, "everyone")]
        worker = threading.Thread(target=perform, args=[harness, scenario, deletion])
        worker.start()
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock'"
        wait_until(lambda: query(harness, waiting))
        transaction.rollback()
    worker.join(60)
    assert SECRET not in dump(superuser, OLD)


def test_a_dead_letter_that_took_effect_behind_the_fold_is_in_the_new_read_model(
    harness: Harness, engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    """An event that was parked at an old offset is applied after the rebuild passed it."""
    with superuser.begin() as transaction:
        # As it was before the retry: the last message of a conversation waits.
        late = transaction.execute(
            text(
                "UPDATE event_log.event SET outcome = 'parked' WHERE id ="
                " (SELECT id FROM event_log.event WHERE data ->> 'body' = 'six')"
                ' RETURNING partition, "offset", conversation_id, message_id'
            )
        ).one()
    run(engines, swap=False)
    with superuser.begin() as transaction:
        transaction.execute(
            text(
                "UPDATE event_log.event SET outcome = 'applied'"
                " WHERE message_id = :id AND outcome = 'parked'"
            ),
            {"id": late.message_id},
        )
        transaction.execute(
            text(
                "INSERT INTO event_log.dead_letter VALUES (:partition, :offset, NULL, NULL, '',"
                " 'retried', '', NULL, 2, now(), now())"
            ),
            {"partition": late.partition, "offset": late.offset},
        )
    rebuilt = run(engines)
    assert rebuilt.resumed
    assert rebuilt.compared.is_equal
    assert "six" in dump(superuser, "read_model")


def test_projection_waits_for_the_holder_and_then_goes_on(
    harness: Harness, engines: Engines, scenario: Scenario
) -> None:
    pending = [harness.envelope(*made) for made in [scenario.event(HISTORY[0])] if made]
    with engines.worker.begin() as transaction:
        checkpoints.hold(transaction, [Partition(p) for p in harness.queue.partitions])
        harness.append(*pending)
        drained: list[Any] = []
        thread = threading.Thread(target=lambda: drained.extend(harness.drain_all()))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert not drained
    thread.join(30)
    assert sum(each.applied for each in drained) == 1
    assert not any(each.busy for each in drained)


@contextmanager
def going_on(*acts: Callable[[], None]) -> Iterator[list[BaseException]]:
    """Repeat each act in a thread of its own; give the errors."""
    over, errors = threading.Event(), list[BaseException]()

    def repeat(act: Callable[[], None]) -> None:
        try:
            while not over.is_set():
                act()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=repeat, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield errors
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def test_senders_projectors_and_readers_notice_nothing(
    harness: Harness, servers: Servers, engines: Engines, scenario: Scenario
) -> None:
    reader = create_engine(servers.database_url("query_api"), isolation_level="AUTOCOMMIT")
    sent: list[Envelope] = []
    began = utc_now()

    def send() -> None:
        made = scenario.event(("send", 0, 1, f"message {len(sent)}", None))
        assert made is not None
        envelope = harness.envelope(*made)
        harness.append(envelope)
        sent.append(envelope)
        time.sleep(0.002)

    def project() -> None:
        harness.drain_all(20)

    def chirp() -> None:
        canaries.send(harness.queue, harness.engine, clock=utc_now, wake=lambda _: None)
        time.sleep(0.01)

    seen: dict[int, int] = {}

    def read() -> None:
        with reader.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT c.last_position, count(m.id), max(m.position), sum(b.unread_count) /"
                    " count(*) FROM read_model.conversation AS c"
                    " JOIN read_model.message AS m ON m.conversation_id = c.id"
                    " JOIN read_model.conversation_member AS b"
                    " ON b.conversation_id = c.id AND b.account_id = :reader"
                    " WHERE b.peer_id = :sender GROUP BY c.id"
                ),
                {"reader": scenario.people[1], "sender": scenario.people[0]},
            ).one()
        assert rows[0] == rows[1] == rows[2]
        reading = threading.get_ident()
        assert rows[1] >= seen.get(reading, 0)
        seen[reading] = rows[1]

    with going_on(send, project, project, chirp, read, read) as errors:
        for _ in range(3):
            rebuilt = run(engines)
            assert rebuilt.compared.is_equal
        assert rebuild_of(engines).roll_back().compared.is_equal
    assert errors == []
    harness.drain_all()
    assert len(query(harness, "SELECT FROM read_model.message WHERE body LIKE 'message %'")) == len(
        sent
    )
    verified = Verification(engines.operator, EVERYTHING)
    assert list(verified.run(Pace())) == []
    with engines.operator.connect() as connection:
        arrived = last_sent(connection).values()
    assert len(arrived) == SETTINGS.partitions
    assert min(arrived) > began
    reader.dispose()


def dump(superuser: Engine, schema: str) -> str:
    """Return all that the tables of a schema hold, as text."""
    with superuser.connect() as connection:
        names = connection.execute(
            text(
                "SELECT relname FROM pg_class"
                " WHERE relnamespace = to_regnamespace(:schema) AND relkind = 'r'"
            ),
            {"schema": schema},
        ).scalars()
        return "\n".join(
            str(row)
            for name in list(names)
            for row in connection.execute(text(f"SELECT t::text FROM {schema}.{name} AS t"))
        )
