"""A lost, replaced or turned-back Redis is opened before anything is appended to it."""

from __future__ import annotations

import dataclasses

import pytest

from events.append import QueueFullError, QueueUnavailableError
from events.opening import PartitionCountError, ensure_open
from events.queue import EventQueue
from runtime.clock import utc_now
from runtime.ids import Partition
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.test_projector import Pair
from workers.sweep import sweep


def reopen(harness: Harness) -> None:
    ensure_open(harness.queue, harness.engine, clock=utc_now)


def test_an_empty_redis_refuses_appends_until_opened_under_a_new_epoch(harness: Harness) -> None:
    pair = Pair(harness)
    harness.append(pair.sent("one"))
    harness.drain_all()
    before = harness.queue.epoch()
    assert before is not None
    harness.queue._redis.flushall()
    with pytest.raises(QueueUnavailableError):
        harness.append(pair.sent("refused"))
    reopen(harness)
    assert harness.queue.epoch() == before + 1
    harness.append(pair.sent("two"))
    harness.drain_all()
    assert pair.bodies() == ["one", "two"]


def test_a_replaced_redis_whose_clock_is_behind_hides_no_event(harness: Harness) -> None:
    pair = Pair(harness)
    harness.append(pair.sent("one"))
    harness.drain_all()
    partition = harness.queue.partition_of(pair.sent())
    # As if the checkpoint had been reached an hour ahead of the clock of the Redis we have.
    with harness.engine.begin() as connection:
        future = f"{harness.queue.now_ms() + 3_600_000:020d}-{0:020d}"
        connection.exec_driver_sql(
            'UPDATE event_log.checkpoint SET "offset" = %s WHERE partition = %s',
            (future, partition),
        )
    harness.queue._redis.flushall()
    reopen(harness)
    harness.append(pair.sent("two"))
    harness.append(pair.sent("three"))
    harness.drain_all()
    assert pair.bodies() == ["one", "two", "three"]


def test_a_redis_put_back_to_an_older_state_is_opened_anew(harness: Harness) -> None:
    pair = Pair(harness)
    partition = harness.queue.partition_of(pair.sent())
    harness.append(pair.sent("one"))
    before, number = harness.queue.epoch(), harness.queue.numbers()[partition]
    harness.append(pair.sent("two"))
    harness.drain_all()
    harness.queue._redis.hset("queue:numbers", partition, number)
    reopen(harness)
    assert before is not None
    assert harness.queue.epoch() == before + 1
    harness.append(pair.sent("three"))
    harness.drain_all()
    assert pair.bodies() == ["one", "two", "three"]


def test_opening_an_open_queue_changes_nothing(harness: Harness) -> None:
    epoch = harness.queue.epoch()
    reopen(harness)
    assert harness.queue.epoch() == epoch


def test_another_number_of_partitions_is_refused(harness: Harness) -> None:
    other = EventQueue(harness.queue._redis, dataclasses.replace(SETTINGS, partitions=8))
    with pytest.raises(PartitionCountError, match="set it back to 4"):
        ensure_open(other, harness.engine, clock=utc_now)


def test_a_sweep_rings_what_is_behind_once_and_trims_what_is_old(harness: Harness) -> None:
    pair = Pair(harness)
    harness.drain_all()
    partition = harness.queue.partition_of(pair.sent())
    harness.append(pair.sent("one"))
    harness.queue.clear_bell(partition)  # The wake-up was lost.
    woken: list[int] = []

    def run(retention: int) -> int:
        return sweep(
            harness.queue,
            harness.engine,
            clock=utc_now,
            retention_seconds=retention,
            wake=woken.append,
        ).lag_events

    assert run(86_400) == 1
    assert run(86_400) == 1  # The bell still rings: no second wake-up.
    assert woken == [partition]
    run(-3_600)  # Everything is older than this retention, but one entry is not applied.
    harness.drain_all()
    assert pair.bodies() == ["one"]
    assert run(-3_600) == 0
    # The checkpoint's own entry may stay; nothing else does.
    assert harness.queue._redis.xlen(f"queue:{partition}") <= 1


def test_a_bell_that_rings_too_long_since_the_clock_was_stepped_back_is_cut_short(
    harness: Harness,
) -> None:
    partition = Partition(0)
    client = harness.queue._redis
    harness.queue.clear_bell(partition)
    assert harness.queue.ring(partition)
    client.pexpire(f"bell:{partition}", 3_600_000)
    assert not harness.queue.ring(partition)  # A sweep.
    assert client.pttl(f"bell:{partition}") <= SETTINGS.bell_ttl_seconds * 1000
    client.pexpire(f"bell:{partition}", 100)
    assert not harness.queue.ring(partition)
    assert client.pttl(f"bell:{partition}") <= 100  # Never made longer.


def sweep_once(harness: Harness, retention_seconds: int = 86_400) -> None:
    sweep(
        harness.queue,
        harness.engine,
        clock=utc_now,
        retention_seconds=retention_seconds,
        wake=lambda _: None,
    )


def test_commands_are_refused_before_redis_is_full_and_taken_again_after(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair(harness)
    monkeypatch.setattr(EventQueue, "memory_share", lambda _: 0.95)
    sweep_once(harness)
    with pytest.raises(QueueFullError):
        harness.append(pair.sent("refused"))
    monkeypatch.undo()
    sweep_once(harness)
    harness.append(pair.sent("taken"))
    harness.drain_all()
    assert pair.bodies() == ["taken"]


def test_a_share_of_memory_is_read_from_redis(harness: Harness) -> None:
    client = harness.queue._redis
    assert harness.queue.memory_share() == 0.0
    try:
        client.config_set("maxmemory", "1gb")
        assert 0.0 < harness.queue.memory_share() < 0.5
    finally:
        client.config_set("maxmemory", "0")


def test_what_is_applied_does_not_count_against_the_limit(harness: Harness) -> None:
    limited = EventQueue(harness.queue._redis, dataclasses.replace(SETTINGS, limit=3))
    small = dataclasses.replace(harness, queue=limited)
    pair = Pair(harness)
    harness.drain_all()
    sweep_once(harness)
    for _ in range(3):
        small.append(pair.sent())
    with pytest.raises(QueueFullError):
        small.append(pair.sent())
    harness.drain_all()
    sweep_once(harness)
    small.append(pair.sent())


def test_an_append_that_counts_with_other_partitions_is_refused(harness: Harness) -> None:
    other = EventQueue(harness.queue._redis, dataclasses.replace(SETTINGS, partitions=8))
    with pytest.raises(QueueUnavailableError):
        dataclasses.replace(harness, queue=other).append(Pair(harness).sent())
