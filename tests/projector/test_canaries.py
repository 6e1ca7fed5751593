"""Canaries go through each partition, leave no trace in the log, and do not pile up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from events import canaries as rows
from events import pauses
from events.opening import ensure_open
from events.queue import EventQueue
from runtime.clock import utc_now
from runtime.ids import Partition
from runtime.redis_client import connect
from runtime.settings import RedisSettings, Secret
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.test_model import query
from tests.projector.test_projector import Pair
from tests.servers import Servers
from workers import canaries
from workers.segments import Segments


@pytest.fixture
def redis(servers: Servers) -> Iterator[Redis]:
    client = connect(RedisSettings(url=servers.redis_url(), password=Secret("-")))
    yield client
    client.connection_pool.disconnect()


@pytest.fixture(autouse=True)
def _nothing_waits(harness: Harness) -> None:
    harness.drain_all()


def send(harness: Harness, woken: list[Partition] | None = None) -> int:
    woken = [] if woken is None else woken
    return canaries.send(harness.queue, harness.engine, clock=utc_now, wake=woken.append)


def logged(harness: Harness) -> Any:
    return query(harness, "SELECT count(*) AS n FROM event_log.event")[0].n


def test_a_canary_comes_through_every_partition_and_leaves_no_trace(harness: Harness) -> None:
    started, before, numbers = utc_now(), logged(harness), harness.queue.numbers()
    woken: list[Partition] = []
    for partition in harness.queue.partitions:
        harness.queue.clear_bell(Partition(partition))
    assert send(harness, woken) == SETTINGS.partitions
    assert sorted(woken) == list(harness.queue.partitions)
    drained = harness.drain_all()
    assert all(d.applied == d.rejected == d.parked == d.lag_events == 0 for d in drained)
    with harness.engine.connect() as connection:
        sent = rows.last_sent(connection)
    assert sorted(sent) == list(harness.queue.partitions)
    assert all(started <= moment <= utc_now() for moment in sent.values())
    assert logged(harness) == before
    assert harness.queue.numbers() == {p: number + 1 for p, number in numbers.items()}


def test_the_next_canary_waits_until_the_last_is_applied(harness: Harness) -> None:
    assert send(harness) == SETTINGS.partitions
    assert send(harness) == 0
    harness.projector().drain(Partition(2))
    assert send(harness) == 1
    harness.drain_all()
    assert send(harness) == SETTINGS.partitions


def test_events_between_canaries_are_applied_and_logged(harness: Harness) -> None:
    pair = Pair(harness)
    harness.append(pair.sent("one"))
    send(harness)
    harness.append(pair.sent("two"))
    assert sum(drained.applied for drained in harness.drain_all(batch_size=2)) == 2
    assert pair.bodies() == ["one", "two"]


def test_a_canary_beside_poison_is_not_set_aside(harness: Harness) -> None:
    pair = Pair(harness)
    poison = pair.sent("first")
    harness.append(poison)
    # The message a second time, in an event of its own.
    harness.append(harness.envelope(poison.event, pair.one))
    before = query(harness, "SELECT count(*) AS n FROM event_log.dead_letter")[0].n
    send(harness)
    harness.drain_all()
    after = query(harness, "SELECT count(*) AS n FROM event_log.dead_letter")[0].n
    assert after == before + 1
    assert send(harness) == SETTINGS.partitions
    # Later tests find nothing parked.
    with harness.engine.begin() as transaction:
        transaction.execute(text("UPDATE event_log.dead_letter SET state = 'discarded'"))


def test_a_canary_lost_with_its_redis_is_followed_by_another(
    harness: Harness, redis: Redis
) -> None:
    send(harness)
    redis.flushall()
    ensure_open(harness.queue, harness.engine, clock=utc_now)
    assert send(harness) == SETTINGS.partitions
    harness.drain_all()


def test_no_canary_goes_while_the_queue_is_full(harness: Harness, redis: Redis) -> None:
    harness.queue.set_short_of_memory(short=True)
    try:
        assert send(harness) == 0
    finally:
        harness.queue.set_short_of_memory(short=False)
    numbers = harness.queue.numbers()
    # Partition 0 counts as full, the others have room.
    harness.queue.tell_applied({**numbers, 0: numbers[0] - 1})
    narrow = EventQueue(redis, replace(SETTINGS, limit=1))
    sent = canaries.send(narrow, harness.engine, clock=utc_now, wake=lambda _: None)
    assert sent == SETTINGS.partitions - 1
    harness.drain_all()


def test_segments_show_what_waits_what_is_applied_and_what_is_parked(harness: Harness) -> None:
    segments = Segments(harness.queue, harness.engine, clock=utc_now)

    def shown() -> dict[tuple[str, tuple[str, ...]], float]:
        samples = [*segments.waiting(), *segments.primary(), *segments.memory()]
        return {(sample.name, sample.labels): sample.value for sample in samples}

    send(harness)
    harness.drain_all()
    before = shown()
    assert {v for (name, _), v in before.items() if name.startswith("messaging_queue_w")} == {0}
    pair = Pair(harness)
    envelopes = [pair.sent(f"{number}") for number in range(5)]
    partition = str(envelopes[0].event.partition(SETTINGS.partitions))
    harness.append(*envelopes)
    waiting = shown()
    assert waiting["messaging_queue_waiting_events", (partition,)] == 5
    assert waiting["messaging_queue_oldest_waiting_seconds", (partition,)] >= 0
    harness.drain_all()
    after = shown()
    assert after["messaging_queue_waiting_events", (partition,)] == 0
    checkpoint = ("messaging_checkpoint_events", (partition, "primary"))
    assert after[checkpoint] == before[checkpoint] + 5
    assert {v for (name, _), v in after.items() if name == "messaging_paused_partitions"} == {0}
    assert after["messaging_parked_events", (partition,)] == 0
    assert 0 <= after["messaging_canary_age_seconds", (partition, "primary")] < 3_600


def test_segments_tell_what_paused_a_partition(harness: Harness) -> None:
    segments = Segments(harness.queue, harness.engine, clock=utc_now)

    def paused() -> list[tuple[str, ...]]:
        found = (s for s in segments.primary() if s.name == "messaging_paused_partitions")
        return [sample.labels for sample in found if sample.value]

    assert paused() == []
    with harness.engine.begin() as transaction:
        causes: tuple[pauses.Cause, ...] = ("operator", "poison", "import")
        for partition, cause in enumerate(causes, 1):
            pauses.pause(transaction, [partition], by=cause, reason="a test", now=utc_now())
    try:
        assert paused() == [("1", "operator"), ("2", "poison"), ("3", "import")]
    finally:
        with harness.engine.begin() as transaction:
            pauses.resume(transaction, harness.queue.partitions, now=utc_now())
    assert paused() == []


def test_no_canary_goes_through_a_partition_that_is_paused(harness: Harness) -> None:
    with harness.engine.begin() as transaction:
        pauses.pause(transaction, [1], reason="a test", now=utc_now())
    try:
        assert send(harness) == SETTINGS.partitions - 1
    finally:
        with harness.engine.begin() as transaction:
            pauses.resume(transaction, [1], now=utc_now())
    harness.drain_all()
    assert send(harness) == SETTINGS.partitions
    harness.drain_all()


def test_a_canary_that_cannot_be_noted_holds_nothing_up(
    harness: Harness, superuser: Engine
) -> None:
    """A canary is there for the events, not the other way round."""
    pair = Pair(harness)
    send(harness)
    harness.append(pair.sent("behind a canary"))
    named = "CONSTRAINT none_at_all"
    with superuser.begin() as connection:
        refusal = f"ADD {named} CHECK (sent_at < 'epoch') NOT VALID"
        connection.execute(text(f"ALTER TABLE event_log.canary {refusal}"))
    try:
        harness.drain_all()
    finally:
        with superuser.begin() as connection:
            connection.execute(text(f"ALTER TABLE event_log.canary DROP {named}"))
    assert pair.bodies() == ["behind a canary"]
    assert query(harness, "SELECT * FROM event_log.dead_letter WHERE state = 'parked'") == []
    assert send(harness) == SETTINGS.partitions
    harness.drain_all()
