"""Deliveries in any order, twice, at once, cut short anywhere: always what a plain fold gives."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import combinations
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.contracts.envelope import Envelope
from runtime.ids import Partition
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.interruptions import FrailProjector, Interruption, Way
from tests.projector.model import Model
from tests.projector.test_model import (
    Scenario,
    assert_conversation_equals,
    assert_no_text_of_deleted_accounts,
    outcomes,
    revisions,
    steps,
)
from tests.servers import Servers

WAYS: tuple[Way, ...] = get_args(Way)
# Everything that can happen to a message, and what a rule refuses.
STORY: tuple[tuple[Any, ...], ...] = (
    ("send", 0, 1, "one", None),
    ("send", 1, 0, "two", "of two"),
    ("send", 0, 1, "three", None),
    ("edit", 0, 0, {"body": "first"}),
    ("edit", 1, 0, {"body": "not mine"}),
    ("read", 1, 0, 1),
    ("delete", 1, 1, "everyone"),
    ("delete", 0, 2, "me"),
    ("repeat", 0),
    ("send", 0, 1, "four", None),
    *(("leave", 1, partition) for partition in range(SETTINGS.partitions)),
    ("send", 0, 1, "too late", None),
)


class Case:
    """A story that is appended, and what it must come to."""

    def __init__(self, harness: Harness, told: Sequence[tuple[Any, ...]]) -> None:
        self.harness = harness
        self.scenario, self.model = Scenario(), Model()
        self.sent: list[Envelope] = []
        for step in told:
            made = self.scenario.event(step)
            if made is not None:
                self.sent.append(harness.envelope(*made))
                self.model.fold(self.sent[-1])
                harness.append(self.sent[-1])
            elif step[0] == "repeat" and self.sent:
                harness.append(self.sent[step[1] % len(self.sent)])

    def check(self) -> None:
        """Let a sound projector finish, and compare."""
        self.harness.drain_all()
        assert outcomes(self.harness, self.sent) == self.model.outcomes
        for one, other in combinations(self.scenario.people, 2):
            assert_conversation_equals(self.harness, self.model, one, other)
        assert_no_text_of_deleted_accounts(self.harness, self.model)
        assert revisions(self.harness, self.scenario.people) == self.model.revisions


@pytest.mark.parametrize("way", WAYS)
def test_an_interruption_at_each_moment_in_turn_changes_nothing(
    harness: Harness, servers: Servers, way: Way
) -> None:
    harness.drain_all()
    at, struck = 0, True
    while struck:
        at += 1
        case = Case(harness, STORY)
        frail = FrailProjector(servers, harness.queue, Interruption(way, at), batch_size=7)
        frail.drain(harness.queue.partition_of(case.sent[0]))
        struck = frail.interruption.struck
        case.check()
        frail.engine.dispose()
    # At least two transactions, and none that was not cut short.
    assert at > 2


deliveries = st.lists(st.integers(0, SETTINGS.partitions - 1), min_size=1, max_size=8)
interruptions = st.builds(Interruption, st.sampled_from(WAYS), st.integers(1, 40))
workers = st.lists(st.tuples(deliveries, interruptions), min_size=1, max_size=3)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(told=steps, workers=workers, batch_size=st.sampled_from([1, 3, 1_000]))
def test_workers_at_once_with_deliveries_in_any_order_cut_short_anywhere_change_nothing(
    harness: Harness,
    servers: Servers,
    told: list[tuple[Any, ...]],
    workers: list[tuple[list[int], Interruption]],
    batch_size: int,
) -> None:
    case = Case(harness, told)
    failures: list[BaseException] = []

    def work(delivered: list[int], frail: FrailProjector) -> None:
        try:
            for partition in delivered:
                frail.drain(Partition(partition))
        except BaseException as error:  # noqa: BLE001  # told by the test's own thread
            failures.append(error)

    frails = [FrailProjector(servers, harness.queue, each, batch_size) for _, each in workers]
    threads = [
        threading.Thread(target=work, args=(delivered, frail))
        for (delivered, _), frail in zip(workers, frails, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for frail in frails:
        frail.engine.dispose()
    assert failures == []
    case.check()
