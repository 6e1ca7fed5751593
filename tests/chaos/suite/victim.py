"""A running stack, and what may be done to its processes without asking anybody."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

from redis import Redis
from redis.exceptions import RedisError

from local_stack import processes
from local_stack import state as states
from local_stack.supervisor import Supervisor
from tests.chaos.suite.arming import ADMIN, Arms
from tests.running_stack import RunningStack

_PATIENCE_S = 120.0


class Victim:
    """The processes of a stack that runs."""

    def __init__(self, stack: RunningStack, arms: Arms) -> None:
        """Break `stack`, with `arms` for faults that need preparation."""
        found = states.look(stack.environ)
        assert found is not None
        self.stack = stack
        self.arms = arms
        self._supervisor = Supervisor(found)

    @property
    def services(self) -> list[str]:
        """The names of all services."""
        return [told.name for told in self._supervisor.services()]

    def pids(self) -> dict[str, int]:
        """Return the process of each service that runs now."""
        return {told.name: told.pid for told in self._supervisor.services() if told.pid}

    def send(self, name: str, number: signal.Signals) -> int | None:
        """Send a signal to the process of service `name`; None where it is away already."""
        pid = self.pids().get(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    def kill_child(self, random: Random) -> None:
        """kill -9 any process of any service."""
        leaders = set(self.pids().values())
        family = sorted(one.pid for one in processes.every() if one.group in leaders)
        if family:
            with suppress(ProcessLookupError):
                os.kill(random.choice(family), signal.SIGKILL)

    def kill_all(self, *, supervisor: bool) -> None:
        """kill -9 every service at once; first, if wanted, who would start them again."""
        pids = [*([self.stack.supervisor_pid()] if supervisor else []), *self.pids().values()]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def freeze(self, name: str, seconds: float) -> None:
        """Let all processes of service `name` stand still for a while."""
        pid = self.pids().get(name)
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGSTOP)
            try:
                time.sleep(seconds)
            finally:
                os.killpg(pid, signal.SIGCONT)

    def stop(self, name: str) -> None:
        """Stop service `name` in order, and return once it is gone."""
        self._supervisor.stop_service(name)
        self.wait(lambda: name not in self.pids())

    def start(self, name: str) -> None:
        """Start service `name`."""
        self._supervisor.start_service(name)

    def restart(self, name: str) -> None:
        """Stop and start service `name` in order."""
        self.stop(name)
        self.start(name)

    def up(self) -> None:
        """Start what an operator has to start, and prepare it again for special faults."""
        self.stack.up()
        self.rearm()

    def rearm(self) -> None:
        """Have Redis run with what special faults need."""
        if self.arms.prepare(self.stack):
            self.restart("redis")

    def redis(self, database: int = 0) -> Redis:
        """Return a Redis client that may do everything."""
        return Redis(
            port=self.stack.record["ports"]["redis"],
            db=database,
            username=ADMIN,
            password=self.arms.password,
            decode_responses=True,
        )

    def all_run(self) -> bool:
        """Tell whether supervisor says so of every service, and Redis answers."""
        try:
            told = self._supervisor.services()
            with self.redis() as redis:
                return all(one.state == "running" for one in told) and bool(redis.ping())
        except (OSError, RedisError):
            return False

    def wait(self, condition: Callable[[], object]) -> None:
        """Return once `condition` holds."""
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it did not come about in time"
            time.sleep(0.05)
