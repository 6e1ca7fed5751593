"""Too much poison stops the partition, rather than parking conversation after conversation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from events import pauses
from events.checkpoints import read as read_checkpoint
from runtime.clock import utc_now
from runtime.errors import SettingsError
from runtime.ids import Partition
from runtime.settings import Reader
from tests.projector.conftest import Harness
from tests.projector.mischief import POISON, mend, neighbour, put_entry, refusing
from tests.projector.test_model import query
from tests.projector.test_projector import Pair
from workers.poison_limit import FaultSettings
from workers.projector import Projector
from workers.sweep import sweep

REFUSED = f"body <> '{POISON}'"
LIMIT = FaultSettings(attempts=1, share=10, least=5)


@pytest.fixture
def pair(harness: Harness) -> Pair:
    return Pair(harness)


def strict(harness: Harness, limit: FaultSettings = LIMIT) -> Projector:
    return Projector(
        harness.queue,
        harness.engine,
        batch_size=1_000,
        clock=utc_now,
        linger_ms=0,
        faults=limit,
    )


@pytest.fixture
def partition(harness: Harness, pair: Pair) -> Iterator[Partition]:
    """A partition in which poison of other tests does not count."""
    harness.drain_all()
    found = harness.queue.partition_of(pair.sent())
    settle(harness, found)
    yield found
    settle(harness, found)


def settle(harness: Harness, partition: Partition) -> None:
    with harness.engine.begin() as connection:
        pauses.pause(connection, [partition], reason="to forget", now=utc_now())
        pauses.resume(connection, [partition], now=utc_now())


def paused(harness: Harness) -> list[tuple[Partition, pauses.Cause]]:
    with harness.engine.connect() as connection:
        return [(pause.partition, pause.by) for pause in pauses.paused(connection)]


def healthy(harness: Harness, pair: Pair, count: int) -> list[Pair]:
    others = [neighbour(harness, pair) for _ in range(count)]
    for other in others:
        harness.append(other.sent("fine"))
    return others


def poison_of(harness: Harness, partition: Partition, pairs: list[Pair]) -> int:
    rows = query(
        harness,
        "SELECT count(*) FROM event_log.dead_letter WHERE partition = :p AND attempts > 0"
        " AND conversation_id = ANY(CAST(:ids AS uuid[]))",
        p=partition,
        ids=[pair.conversation for pair in pairs],
    )
    return int(rows[0][0])


def test_a_partition_is_stopped_before_poison_exceeds_its_share(
    harness: Harness, pair: Pair, superuser: Engine, partition: Partition
) -> None:
    conversations = [neighbour(harness, pair) for _ in range(30)]
    for conversation in conversations:
        harness.append(conversation.sent(POISON))
    with refusing(superuser, REFUSED):
        # How many events there were before is other tests' doing: at most a thousand count.
        drained = strict(harness, FaultSettings(attempts=1, share=1, least=5)).drain(partition)
        assert drained.paused
        parked = poison_of(harness, partition, conversations)
        # As many as the share of what came before allows; the next one stops it.
        assert 4 <= parked <= 10
        assert paused(harness) == [(partition, "poison")]
        assert strict(harness).drain(partition).paused
    # Mended and resumed, all that waited is applied; nobody has to touch it.
    settle(harness, partition)
    strict(harness).drain(partition)
    applied = [conversation for conversation in conversations if conversation.bodies()]
    assert len(applied) == 30 - parked


def test_entries_that_cannot_be_read_stop_it_as_well_and_skip_nothing(
    harness: Harness, pair: Pair, partition: Partition
) -> None:
    for _ in range(200):
        put_entry(harness, pair, b"not json")
    others = healthy(harness, pair, 3)
    with harness.engine.connect() as connection:
        before = read_checkpoint(connection, partition)
    projector = strict(harness, FaultSettings(attempts=1, share=10, least=150))
    assert projector.drain(partition).paused
    with harness.engine.connect() as connection:
        after = read_checkpoint(connection, partition)
    # All before the last one is settled, exactly to the limit, whatever the batches were.
    assert after.number - before.number == 149
    assert [other.bodies() for other in others] == [[]] * 3
    settle(harness, partition)
    assert not projector.drain(partition).paused
    assert [other.bodies() for other in others] == [["fine"]] * 3


def test_little_poison_among_many_events_stops_nothing(
    harness: Harness, pair: Pair, superuser: Engine, partition: Partition
) -> None:
    bad = [neighbour(harness, pair) for _ in range(6)]
    many = neighbour(harness, pair)
    for number in range(90):
        harness.append(many.sent(f"{number}"))
    for conversation in bad:
        harness.append(conversation.sent(POISON))
    with refusing(superuser, REFUSED):
        drained = strict(harness).drain(partition)
    mend(superuser)
    assert (drained.paused, drained.parked) == (False, 6)
    assert len(many.bodies()) == 90


def test_the_sweep_does_not_ring_a_paused_partition(
    harness: Harness, pair: Pair, partition: Partition
) -> None:
    with harness.engine.begin() as connection:
        pauses.pause(connection, [partition], reason="a test", now=utc_now())
    harness.append(pair.sent("accepted all the same"))
    harness.queue.clear_bell(partition)
    rung: list[Partition] = []
    swept = sweep(
        harness.queue, harness.engine, clock=utc_now, retention_seconds=60, wake=rung.append
    )
    assert (partition in rung, swept.paused) == (False, [partition])
    assert strict(harness).drain(partition).paused
    assert pair.bodies() == []
    with harness.engine.begin() as connection:
        assert pauses.resume(connection, [partition], now=utc_now()) == {partition}
    sweep(harness.queue, harness.engine, clock=utc_now, retention_seconds=60, wake=rung.append)
    assert partition in rung
    strict(harness).drain(partition)
    assert pair.bodies() == ["accepted all the same"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("MESSAGING_POISON_SHARE", "101"), ("MESSAGING_EVENT_ATTEMPTS", "0")],
)
def test_a_limit_that_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        FaultSettings.read(Reader())
