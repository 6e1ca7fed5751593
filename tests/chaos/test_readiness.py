"""Readiness names the part that is away, and heals with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

import httpx
import pytest

from tests.running_stack import RunningStack, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


def parts(stack: RunningStack) -> Mapping[str, str]:
    answer = httpx.get(f"{stack.url}/readyz", timeout=30).json()
    return {name: part["status"] for name, part in answer.get("parts", {}).items()}


@pytest.mark.parametrize(
    ("service", "part"),
    [
        ("redis", "redis"),
        ("replica", "replica"),
        ("primary", "primary"),
        ("pgpool", "pgpool"),
        ("command_api", "command_api"),
        ("auth_api", "auth_api"),
        ("query_stream", "streams"),
    ],
)
def test_a_frozen_part_is_named_and_heals(fragile: RunningStack, service: str, part: str) -> None:
    fragile.wait_ready(90)
    frozen = fragile.kill(service, signal.SIGSTOP)
    # The master of an API hands its work to children, who must stand still as well.
    group = os.getpgid(frozen)
    os.killpg(group, signal.SIGSTOP)
    try:
        wait_until(lambda: parts(fragile).get(part) == "unready", 60)
    finally:
        os.killpg(group, signal.SIGCONT)
    fragile.wait_ready(120)
