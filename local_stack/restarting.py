"""Restarts our own processes one at a time: they then run the code that is there.

The servers go on as they are. Gunicorn keeps its socket and starts new workers beside the old ones,
which end their requests first: nobody is refused.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection, Mapping
from typing import Protocol

from local_stack import (
    apis,
    contexts,
    operating,
    processes,
    promotion,
    readiness,
    services,
    waiting,
)
from local_stack import state as states
from local_stack.errors import StackError
from local_stack.service import Service
from local_stack.state import State
from local_stack.supervisor import Supervisor

# Who appends comes last: what only the new code writes then finds projectors that can read it. The
# workers, which append erasures, go together: an old one would set aside what a new one writes.
_ORDER = (
    ("worker-1", "worker-2", "beat"),
    ("flower",),
    *((name,) for name in ("query_api", "query_stream", "auth_api", "command_api")),
)
# Longer than gunicorn's --graceful-timeout and the import of an app.
_RENEW_S = 60
_CHECK_S = 120


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...


def restart(environ: Mapping[str, str], report: _Reporter) -> tuple[str, ...]:
    """Restart what is ours of the running stack that `environ` names; return what, in order.

    Raises:
        StackError: Nothing runs, or the code that is there cannot start: nothing was changed. Or
            what was restarted does not become ready: the rest was left as it was.
    """
    state = operating.existing(environ)
    with states.locked(state.folder, report.step):
        supervisor = Supervisor(state)
        if not supervisor.runs():
            raise StackError("Nothing runs: run messaging up first.")
        context = contexts.of(state, contexts.recorded_pgpool(state))
        services.check_known(context, {told.name for told in supervisor.services()})
        members = {service.name: service for service in services.every(context)}
        report.step("Looking whether what is there now can start")
        _check(members)
        supervisor.configure(list(members.values()), autostart=True)
        for names in _ORDER:
            report.step("Restarting " + ", ".join(names))
            if names[0] in apis.NAMES:
                _renew(supervisor, names[0])
            else:
                stop(state, supervisor, names)
                _start(supervisor, names)
            readiness.wait(state, supervisor, report)
    return tuple(name for names in _ORDER for name in names)


def stop(state: State, supervisor: Supervisor, names: Collection[str]) -> None:
    """Stop these services and return when none of them is left.

    Raises:
        StackError: One of them does not end.
    """
    context = contexts.of(state, contexts.recorded_pgpool(state))
    for name in names:
        supervisor.stop_service(name)
    for name in names:
        promotion.stop(context, supervisor, name)


def start(state: State, supervisor: Supervisor, names: Collection[str]) -> None:
    """Start these services as the record says now; does not wait for them."""
    context = contexts.of(state, contexts.recorded_pgpool(state))
    supervisor.configure(services.every(context), autostart=True)
    _start(supervisor, names)


def _check(members: Mapping[str, Service]) -> None:
    for name in apis.NAMES:
        service = members[name]
        checked = subprocess.run(
            # Loads the app, which connects to nothing, and ends.
            [*service.command[:-1], "--check-config", service.command[-1]],
            cwd=service.folder,
            env={"PATH": os.defpath, **service.environment},
            capture_output=True,
            text=True,
            timeout=_CHECK_S,
            check=False,
        )
        if checked.returncode != 0:
            why = (checked.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise StackError(f"{name} cannot start, nothing was changed: {why}")


def _start(supervisor: Supervisor, names: Collection[str]) -> None:
    for name in names:
        supervisor.start_service(name)


def _renew(supervisor: Supervisor, name: str) -> None:
    """Have gunicorn start new workers, and return when the old ones have ended."""
    master = next((told.pid for told in supervisor.services() if told.name == name), None)
    if master is None:
        supervisor.start_service(name)
        return
    old = _workers(master)
    os.kill(master, signal.SIGHUP)
    if not waiting.until(lambda: not old & _workers(master), _RENEW_S):
        raise StackError(f"The old processes of {name} do not end: messaging logs {name}")


def _workers(master: int) -> set[int]:
    return {p.pid for p in processes.every() if p.group == master and p.pid != master}
