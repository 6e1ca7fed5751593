"""kill -9 of anything, at any time, under load: it comes back by itself, nothing is lost."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from tests.chaos.load import Load
from tests.running_stack import RunningStack, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


def comes_back(stack: RunningStack, name: str, killed: int) -> None:
    def is_back() -> bool:
        service = stack.service(name)
        return service["state"] == "running" and service["pid"] != killed and stack.is_ready()

    wait_until(is_back, 90)


# Its short form is test_demo's: the same processes in turn, under another load.
@pytest.mark.long
def test_each_process_killed_in_turn_comes_back_and_nothing_is_lost_or_doubled(
    fragile: RunningStack,
) -> None:
    load = Load(fragile)
    with load.running():
        for service in fragile.status()["services"]:
            load.await_progress()
            killed = fragile.kill(service["name"])
            comes_back(fragile, service["name"], killed)
        load.await_progress()
    load.check()


def test_every_process_killed_at_once_is_back_with_all_data_after_another_up(
    fragile: RunningStack,
) -> None:
    load = Load(fragile)
    with load.running():
        load.await_progress()
        # The supervisor first, so that it restarts nothing.
        for pid in (fragile.supervisor_pid(), *all_pids(fragile)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        fragile.up()
        load.await_progress()
    load.check()


def test_a_standby_frozen_for_a_while_loses_nothing(fragile: RunningStack) -> None:
    load = Load(fragile)
    with load.running():
        load.await_progress()
        frozen = fragile.kill("replica", signal.SIGSTOP)
        try:
            load.await_progress()
        finally:
            os.kill(frozen, signal.SIGCONT)
        fragile.wait_ready(90)
        load.await_progress()
    load.check()


def test_a_lost_broker_costs_time_not_data(fragile: RunningStack) -> None:
    load = Load(fragile)
    with load.running():
        for _ in range(3):
            load.await_progress()
            # Every wake-up under way is gone; the events are elsewhere.
            fragile.redis("worker", database=1).delete(
                *(f"events.{p}" for p in range(16)), "sweeps", "unacked", "unacked_index"
            )
    load.check()


def all_pids(stack: RunningStack) -> list[int]:
    return [service["pid"] for service in stack.status()["services"] if service["pid"]]
