"""Projecting is measured: batches, what became of events, what had to be tried again."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from runtime import meters
from runtime.clock import utc_now
from tests.projector.conftest import Harness
from tests.projector.mischief import POISON, refusing
from tests.projector.test_faults import failing, patient
from tests.projector.test_projector import Pair
from workers import canaries
from workers.measures import counting_retries


def shown(name: str, **labels: str) -> float:
    return meters.registry().get_sample_value(name, labels) or 0.0


def outcomes() -> dict[str, float]:
    name = "messaging_projected_events_total"
    return {each: shown(name, outcome=each) for each in ("applied", "rejected", "parked")}


@pytest.fixture(autouse=True)
def _nothing_waits(harness: Harness) -> None:
    harness.drain_all()


@pytest.fixture
def pair(harness: Harness) -> Pair:
    return Pair(harness)


def test_a_batch_is_counted_once_it_is_committed(harness: Harness, pair: Pair) -> None:
    events, batches = "messaging_projection_batch_events", "messaging_projection_batch_seconds"
    before = shown(f"{events}_sum"), shown(f"{events}_count"), shown(f"{batches}_count")
    projected = outcomes()
    harness.append(*(pair.sent(f"{number}") for number in range(7)))
    harness.drain_all(batch_size=4)
    after = shown(f"{events}_sum"), shown(f"{events}_count"), shown(f"{batches}_count")
    assert [new - old for new, old in zip(after, before, strict=True)] == [7, 2, 2]
    assert outcomes() == {**projected, "applied": projected["applied"] + 7}


def test_a_canary_is_an_entry_of_a_batch_and_no_event(harness: Harness) -> None:
    before, projected = shown("messaging_projection_batch_events_sum"), outcomes()
    sent = canaries.send(harness.queue, harness.engine, clock=utc_now, wake=lambda _: None)
    harness.drain_all()
    assert shown("messaging_projection_batch_events_sum") == before + sent
    assert outcomes() == projected


def test_what_is_set_aside_is_counted_as_parked(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    projected = outcomes()
    harness.append(*(pair.sent(body) for body in ("first", POISON, "third")))
    with refusing(superuser, f"body <> '{POISON}'"):
        harness.drain_all()
    assert outcomes() == {
        **projected,
        "applied": projected["applied"] + 1,
        "parked": projected["parked"] + 2,
    }


def test_tries_of_an_event_that_nobody_expected_to_fail_are_counted(
    harness: Harness, pair: Pair
) -> None:
    def bug(_: object) -> None:
        raise KeyError("a bug of ours")

    before = shown("messaging_projection_retries_total")
    sent = pair.sent()
    harness.append(sent)
    with failing(harness.engine, bug):
        patient(harness, attempts=3).drain(harness.queue.partition_of(sent))
    assert shown("messaging_projection_retries_total") == before + 2


def test_a_drain_that_fails_is_counted() -> None:
    before = shown("messaging_projection_retries_total")
    with counting_retries():
        pass
    assert shown("messaging_projection_retries_total") == before
    with pytest.raises(OSError, match="gone"), counting_retries():
        raise OSError("gone")
    assert shown("messaging_projection_retries_total") == before + 1
