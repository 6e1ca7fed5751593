"""What runs of a stack, for `messaging status`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from local_stack import pgpool, services
from local_stack import state as states
from local_stack.state import State
from local_stack.supervisor import Supervisor, Told


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """One service: its process if it has one, its state, its port, since when (RFC 3339, UTC)."""

    name: str
    pid: int | None
    state: str
    port: int | None
    since: str | None


@dataclass(frozen=True, kw_only=True)
class Status:
    """All services of a stack and its public address."""

    services: list[ServiceStatus]
    url: str

    @property
    def all_run(self) -> bool:
        """Whether every service runs."""
        return all(service.state == "running" for service in self.services)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        return asdict(self)


def of(environ: Mapping[str, str]) -> Status:
    """Return the status of the stack that `environ` names; one that is not there is stopped."""
    state = states.look(environ)
    if state is None or "nginx" not in state.record.ports:
        url = f"http://127.0.0.1:{states.port_of(environ)}"
        return Status(services=[_stopped(name, {}) for name in services.NAMES], url=url)
    supervisor = Supervisor(state)
    told = {one.name: one for one in supervisor.services()} if supervisor.runs() else {}
    ports = state.record.ports
    entries = [
        _described(told[name], ports) if name in told else _stopped(name, ports)
        for name in _names(state)
    ]
    return Status(services=entries, url=state.url)


def _names(state: State) -> list[str]:
    return [name for name in services.NAMES if name not in pgpool.NAMES or state.record.pgpool]


def _stopped(name: str, ports: Mapping[str, int]) -> ServiceStatus:
    return ServiceStatus(name=name, pid=None, state="stopped", port=ports.get(name), since=None)


def _described(told: Told, ports: Mapping[str, int]) -> ServiceStatus:
    since = None
    if told.since is not None:
        moment = dt.datetime.fromtimestamp(told.since, dt.UTC)
        since = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return ServiceStatus(
        name=told.name, pid=told.pid, state=told.state, port=ports.get(told.name), since=since
    )
