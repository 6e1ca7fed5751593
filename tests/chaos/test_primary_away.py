"""The primary is away: commands are accepted, whichever process they reach."""

from __future__ import annotations

from functools import partial

import httpx
import pytest

from local_stack.operating import existing
from local_stack.supervisor import Supervisor
from tests.acceptance.people import registering
from tests.running_stack import RunningStack, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]
# More than enough for each process of the command API to be asked.
TIMES = 8


def test_after_a_restart_a_command_api_without_primary_knows_whom_it_knew_before(
    fragile: RunningStack,
) -> None:
    supervisor = Supervisor(existing(fragile.environ))
    with registering(fragile) as register:
        ann, ben = register("ann"), register("ben")
        ann.send(ben, "before")
        for name in ("primary", "command_api"):
            supervisor.stop_service(name)
            wait_until(partial(is_stopped, fragile, name), 60)
        try:
            supervisor.start_service("command_api")
            wait_until(partial(answers, fragile), 60)
            sent = [ann.send(ben, f"without primary {number}") for number in range(TIMES)]
        finally:
            for name in ("primary", "command_api"):
                supervisor.start_service(name)
        fragile.wait_ready(120)
        assert {ann.fate(of=command) for command in sent} == {("applied", None)}


def is_stopped(stack: RunningStack, name: str) -> bool:
    return stack.service(name)["pid"] is None


def answers(stack: RunningStack) -> bool:
    return httpx.get(f"{stack.url}/command/v1/openapi.json", timeout=30).status_code == 200
