"""The short form of `make chaos`: one fault of most kinds, nothing lost, doubled or invented."""

from __future__ import annotations

import pytest

from tests.chaos.suite.faults import KINDS
from tests.chaos.suite.runner import Plan, armed, run
from tests.running_stack import RunningStack

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

# What the other tests of this folder do not do.
FAULTS = (
    "kill -9 both workers after a commit",
    "queue's disk full",
    "kill -9 any child",
    "clock of Redis stepped back",
    "freeze redis",
    "broker flushed",
    "restart primary",
    "Redis replaced by an empty one, an hour behind",
    "kill -9 redis",
    "four at once",
)


def test_what_was_acknowledged_under_random_faults_is_there_once_and_in_order(
    fragile: RunningStack,
) -> None:
    assert set(FAULTS) <= set(KINDS)
    plan = Plan(messages=2_000, faults=FAULTS, seed=7, pairs=4, readers=2)
    told: list[str] = []
    with armed(fragile) as victim:
        result = run(victim, plan, told.append)
    assert result.failures == [], told
    assert result.findings.is_sound, (result.findings, told)
    assert result.findings.visible == result.findings.acknowledged >= 2_000
    assert {one.kind for one in result.outages} | set(result.skipped) == set(FAULTS)
