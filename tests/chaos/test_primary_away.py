"""The primary is away: commands are accepted, whichever process they reach."""

from __future__ import annotations

import signal

import httpx
import pytest

from local_stack.operating import existing
from local_stack.supervisor import Supervisor
from tests.acceptance.people import registering
from tests.running_stack import RunningStack, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]
# More than enough for each process of the command API to be asked.
TIMES = 12


def test_after_a_restart_a_command_api_without_primary_knows_whom_it_knew_before(
    fragile: RunningStack,
) -> None:
    supervisor = Supervisor(existing(fragile.environ))
    with registering(fragile) as register:
        ann, ben = register("ann"), register("ben")
        ann.send(ben, "before")
        supervisor.stop_service("primary")
        try:
            wait_until(lambda: not fragile.service("primary")["pid"])
            killed = fragile.kill("command_api", signal.SIGKILL)
            wait_until(lambda: serves_anew(fragile, killed), 60)
            sent = [ann.send(ben, f"without primary {number}") for number in range(TIMES)]
        finally:
            supervisor.start_service("primary")
        fragile.wait_ready(120)
        assert {ann.fate(of=command) for command in sent} == {("applied", None)}


def serves_anew(stack: RunningStack, killed: int) -> bool:
    if stack.service("command_api")["pid"] in (None, killed):
        return False
    return httpx.get(f"{stack.url}/command/v1/openapi.json").status_code == 200
