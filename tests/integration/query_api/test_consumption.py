"""Readiness proves consumption by the canaries that the database shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from database.engines import create_engine_for
from query_api.reads.consumption import Consumption
from query_api.reads.replica import Replica
from runtime.errors import UnavailableError
from runtime.settings import DatabaseSettings, Secret
from tests.bare import shut_out
from tests.query_harness import PARTITIONS, World
from tests.servers import Servers

_FRESH = "The newest canary of each partition is at most 5 s old."
_NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def consumption(servers: Servers) -> Iterator[Consumption]:
    settings = DatabaseSettings(url=servers.database_url("query_api"), password=Secret("-"))
    engine = create_engine_for(
        settings, application_name="query-api", pool_size=1, autocommit=True, pre_ping=False
    )
    yield Consumption(Replica(engine), limit_seconds=30, clock=lambda: _NOW)
    engine.dispose()


@pytest.fixture(autouse=True)
def _fresh(world: World) -> Iterator[None]:
    for partition in range(PARTITIONS):
        sent(world, partition, 5)
    yield
    resume(world)


def sent(world: World, partition: int, seconds_ago: float) -> None:
    world.sql(
        "INSERT INTO event_log.canary (partition, sent_at) VALUES (:partition, :moment)"
        " ON CONFLICT (partition) DO UPDATE SET sent_at = excluded.sent_at",
        partition=partition,
        moment=_NOW - timedelta(seconds=seconds_ago),
    )


def pause(world: World, partition: int, by: str | None = None) -> None:
    world.sql(
        "UPDATE event_log.checkpoint SET pause_reason = 'private words', paused_by = :by"
        " WHERE partition = :partition",
        partition=partition,
        by=by,
    )


def resume(world: World, seconds_ago: float | None = None) -> None:
    world.sql(
        "UPDATE event_log.checkpoint"
        " SET pause_reason = NULL, paused_by = NULL, resumed_at = CAST(:moment AS timestamptz)",
        moment=None if seconds_ago is None else _NOW - timedelta(seconds=seconds_ago),
    )


def test_the_age_of_canaries_that_come_through_is_said(
    consumption: Consumption, world: World
) -> None:
    assert consumption.check() == _FRESH
    sent(world, 3, 29)
    assert consumption.check() == "The newest canary of each partition is at most 29 s old."


def test_a_partition_that_stands_still_is_named(consumption: Consumption, world: World) -> None:
    sent(world, 1, 31)
    with pytest.raises(UnavailableError, match=r"^No canary came through for 31 s: partition 1\.$"):
        consumption.check()
    sent(world, 3, 99)
    with pytest.raises(UnavailableError, match=r"for 99 s: partitions 1, 3\.$"):
        consumption.check()


def test_a_partition_without_any_canary_is_not_proven(
    consumption: Consumption, world: World
) -> None:
    world.sql("DELETE FROM event_log.canary WHERE partition = 2")
    with pytest.raises(UnavailableError, match=r"^No canary came through yet: partition 2\.$"):
        consumption.check()


@pytest.mark.parametrize(
    ("by", "said"),
    [
        # What code of before this column paused.
        (None, "Paused by an operator: partition 1."),
        ("operator", "Paused by an operator: partition 1."),
        ("import", "Paused for an import: partition 1."),
        ("poison", "Stopped since too many events could not be applied: partition 1."),
    ],
)
def test_a_paused_partition_is_said_and_not_held_against_it(
    consumption: Consumption, world: World, by: str | None, said: str
) -> None:
    sent(world, 1, 3_600)
    pause(world, 1, by)
    assert consumption.check() == f"{_FRESH} {said}"
    sent(world, 2, 3_600)
    with pytest.raises(UnavailableError) as refused:
        consumption.check()
    assert str(refused.value) == f"No canary came through for 3600 s: partition 2. {said}"


def test_partitions_that_are_paused_are_said_by_cause(
    consumption: Consumption, world: World
) -> None:
    pause(world, 0, "operator")
    pause(world, 1, "poison")
    pause(world, 2, "operator")
    assert consumption.check() == (
        f"{_FRESH} Stopped since too many events could not be applied: partition 1."
        " Paused by an operator: partitions 0, 2."
    )


def test_a_partition_that_was_resumed_has_time_for_its_next_canary(
    consumption: Consumption, world: World
) -> None:
    sent(world, 1, 3_600)
    resume(world, seconds_ago=29)
    assert consumption.check() == "The newest canary of each partition is at most 3600 s old."
    resume(world, seconds_ago=31)
    with pytest.raises(UnavailableError, match=r"^No canary came through for 3600 s"):
        consumption.check()


def test_the_replicas_side_of_the_metrics(consumption: Consumption, world: World) -> None:
    sent(world, 1, 7)
    world.sql("DELETE FROM event_log.canary WHERE partition = 2")
    samples = {(name, labels[0]): value for name, value, labels in consumption.samples()}
    assert samples["messaging_canary_age_seconds", "1"] == 7
    assert ("messaging_canary_age_seconds", "2") not in samples
    assert samples["messaging_checkpoint_events", "2"] >= 0


def test_without_the_database_nothing_is_proven(
    consumption: Consumption, superuser: Engine
) -> None:
    with shut_out(superuser, "query_api"), pytest.raises(UnavailableError):
        consumption.check()


def test_where_all_is_paused_there_is_no_age_to_speak_of(
    consumption: Consumption, world: World
) -> None:
    for partition in range(PARTITIONS):
        pause(world, partition)
    assert consumption.check().startswith("Paused by an operator: partitions 0, 1, 2")
