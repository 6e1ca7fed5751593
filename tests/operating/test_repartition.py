"""More partitions: everything is where they look for it, and goes on in order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from events.append import QueueUnavailableError
from events.contracts.envelope import Envelope
from events.opening import PartitionCountError, ensure_open
from events.queue import EventQueue
from events.repartition import RepartitionError, check, move
from runtime.clock import utc_now
from runtime.ids import conversation_of
from tests.operating.conftest import events, told
from tests.operating.test_archive import contents, make_history
from tests.projector.conftest import SETTINGS, Harness, engine_of
from tests.projector.test_projector import Pair, outcome_of
from tests.servers import Servers

MORE = 4 * SETTINGS.partitions
# Of what no conversation is known the message's id tells the partition; an erasure names its own.
MISPLACED = """
SELECT count(*) FROM event_log.event AS e WHERE partition <> CASE
    WHEN conversation_id IS NOT NULL THEN event_log.conversation_hash(conversation_id) & 15
    WHEN message_id IS NOT NULL THEN ('x' || right(message_id::text, 4))::bit(16)::int & 15
    ELSE (data ->> 'partition')::int END
"""


@pytest.fixture
def owner(other_servers: Servers) -> Engine:
    return engine_of(other_servers, "messaging_owner")


@pytest.fixture
def past(empty: Harness, other_servers: Servers) -> list[Pair]:
    """Something of everything, with nothing that waits for a decision."""
    pairs = make_history(empty, engine_of(other_servers, "postgres"))
    told("dead-letters", "discard", "--all", "--yes")
    return pairs


def widened(harness: Harness, owner: Engine) -> Harness:
    """Do what the command does to queue and database."""
    harness.queue.close()
    with owner.begin() as transaction:
        assert move(transaction, MORE, now=utc_now()) > 0
    wider = EventQueue(harness.queue._redis, replace(SETTINGS, partitions=MORE))
    return Harness(queue=wider, engine=harness.engine)


def test_all_that_was_is_in_its_new_partition_and_goes_on_in_order(
    empty: Harness, past: list[Pair], owner: Engine
) -> None:
    before = contents(empty.engine)
    wide = widened(empty, owner)
    after = contents(empty.engine)
    for table in ("conversation", "conversation_member", "message"):
        assert after[f"read_model.{table}"] == before[f"read_model.{table}"]
    with owner.connect() as connection:
        assert connection.execute(text(MISPLACED)).scalar_one() == 0
    # Nobody appends by the old number, nor before the new partitions are opened.
    for harness in (empty, wide):
        with pytest.raises(QueueUnavailableError):
            harness.append(past[4].sent("too early"))
    ensure_open(wide.queue, wide.engine, clock=utc_now)
    with pytest.raises(QueueUnavailableError):
        empty.append(past[4].sent("by the old number"))
    with pytest.raises(PartitionCountError, match="repartition"):
        ensure_open(empty.queue, empty.engine, clock=utc_now)
    for number in range(3):
        wide.append(past[4].sent(f"new {number}"))
    wide.drain_all()
    assert past[4].bodies()[-3:] == ["new 0", "new 1", "new 2"]
    assert events("verify").exit_code == 0


def test_who_was_deleted_stays_so_in_every_new_partition(
    empty: Harness, past: list[Pair], owner: Engine
) -> None:
    wide = widened(empty, owner)
    ensure_open(wide.queue, wide.engine, clock=utc_now)
    gone = past[3].one
    late: list[Envelope] = []
    for _ in range(40):
        other = Pair(wide)
        other.other, other.conversation = gone, conversation_of(other.one, gone)
        late.append(other.sent("to nobody"))
    wide.append(*late)
    wide.drain_all()
    assert len({wide.queue.partition_of(envelope) for envelope in late}) > SETTINGS.partitions
    assert {outcome_of(wide, envelope) for envelope in late} == {("rejected", "recipient-deleted")}
    assert events("verify").exit_code == 0


def test_entity_tags_go_on_from_the_old_counts(
    empty: Harness, past: list[Pair], owner: Engine
) -> None:
    counts = text(
        "SELECT count(*) FROM read_model.account_revision AS r WHERE partition >= :before"
        " AND revision <> (SELECT o.revision FROM read_model.account_revision AS o"
        "  WHERE o.account_id = r.account_id AND o.partition = r.partition % :before)"
    )
    widened(empty, owner)
    assert past
    with owner.connect() as connection:
        assert connection.execute(counts, {"before": SETTINGS.partitions}).scalar_one() == 0


@pytest.mark.parametrize("count", [2, 3, SETTINGS.partitions + 2, 2048])
def test_a_number_that_cannot_be_is_refused(empty: Harness, owner: Engine, count: int) -> None:
    with owner.begin() as transaction, pytest.raises(RepartitionError, match="power of two"):
        move(transaction, count, now=utc_now())
    assert empty.queue.epoch() is not None


def test_what_waits_for_a_decision_is_in_the_way(
    empty: Harness, other_servers: Servers, owner: Engine
) -> None:
    make_history(empty, engine_of(other_servers, "postgres"))
    with owner.connect() as connection, pytest.raises(RepartitionError, match="parked"):
        check(connection, MORE)
    told("dead-letters", "discard", "--all", "--yes")
    told("pause", "1")
    with owner.connect() as connection, pytest.raises(RepartitionError, match="resume"):
        check(connection, MORE)
    told("resume", "all")
    with owner.connect() as connection:
        assert check(connection, MORE)
        assert not check(connection, SETTINGS.partitions)
