"""Readiness says when nothing comes through any more, and heals with the workers."""

from __future__ import annotations

import os
import re
import signal

import httpx
import pytest

from tests.running_stack import RunningStack, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

_WORKERS = ("worker-1", "worker-2")


def consumption(stack: RunningStack) -> dict[str, str]:
    parts = httpx.get(f"{stack.url}/readyz", timeout=30).json().get("parts", {})
    found: dict[str, str] = parts.get("consumption", {})
    return found


def page(stack: RunningStack, service: str) -> str:
    port = stack.record["ports"][service]
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text


def is_well(stack: RunningStack) -> bool:
    said = consumption(stack)
    detail = r"The newest canary of each partition is at most \d+ s old\."
    is_said = re.fullmatch(detail, said.get("detail", "")) is not None
    return said.get("status") == "ready" and is_said


def ages(stack: RunningStack, service: str, node: str) -> list[float]:
    shown = rf'^messaging_canary_age_seconds{{node="{node}",partition="\d+"}} (\S+)$'
    return [float(age) for age in re.findall(shown, page(stack, service), re.MULTILINE)]


def canaries_waiting(stack: RunningStack) -> int:
    with stack.connect("operator") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT partition, number FROM event_log.checkpoint")
        applied = dict(cursor.fetchall())
    with stack.redis("worker") as redis:
        numbers: dict[str, str] = redis.hgetall("queue:numbers")
    return sum(int(numbers[str(partition)]) - applied[partition] for partition in applied)


def test_canaries_come_through_to_primary_and_replica(fragile: RunningStack) -> None:
    fragile.wait_ready(90)
    assert is_well(fragile)
    partitions = fragile.record["event_partitions"]
    for service, node in (("worker-1", "primary"), ("query_api", "replica")):
        assert len(ages(fragile, service, node)) == partitions
    with fragile.connect("operator") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM event_log.event WHERE type LIKE 'canary%'")
        assert cursor.fetchone() == (0,)


def test_workers_that_stand_still_are_found_out_and_canaries_do_not_pile_up(
    fragile: RunningStack,
) -> None:
    fragile.wait_ready(90)
    frozen = [fragile.pid(name) for name in _WORKERS]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        every = ", ".join(map(str, range(fragile.record["event_partitions"])))
        said = re.compile(rf"No canary came through for \d+ s: partitions {every}\.")
        wait_until(lambda: said.fullmatch(consumption(fragile).get("detail", "")) is not None, 120)
        assert consumption(fragile)["status"] == "unready"
        assert canaries_waiting(fragile) <= fragile.record["event_partitions"]
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    fragile.wait_ready(120)
    assert is_well(fragile)


def test_a_partition_that_is_paused_is_told_and_leaves_the_system_ready(
    fragile: RunningStack,
) -> None:
    fragile.wait_ready(90)
    assert fragile.messaging("events", "pause", "3", "--reason", "private").returncode == 0
    try:
        words = "Paused by an operator: partition 3."
        wait_until(lambda: consumption(fragile).get("detail", "").endswith(f" old. {words}"), 60)
        fragile.wait_ready(60)
        shown = page(fragile, "worker-1")
        assert 'messaging_paused_partitions{cause="operator",partition="3"} 1.0' in shown
    finally:
        assert fragile.messaging("events", "resume", "3").returncode == 0
    wait_until(lambda: is_well(fragile), 60)


def test_read_model_and_log_are_clean_while_canaries_go_through(fragile: RunningStack) -> None:
    fragile.wait_ready(90)
    for verb in (["rebuild", "--yes"], ["verify"]):
        done = fragile.messaging("events", *verb)
        assert done.returncode == 0, done.stdout + done.stderr
    # Of each event the log has a line.
    assert "canary" not in fragile.messaging("events", "export", "-").stdout
    wait_until(lambda: max(ages(fragile, "query_api", "replica")) < 10)
