"""Supervisor: keeps the services running, and is asked what they do."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local_stack import files, leftovers, supervise
from local_stack.errors import StackError
from local_stack.launch import Plan
from local_stack.service import Service
from local_stack.state import State

_START_S = 20
_POLL_S = 0.05
_ANSWER_S = 10


@dataclass(frozen=True, kw_only=True)
class Told:
    """What supervisor tells about one service; `since` in seconds since 1970."""

    name: str
    pid: int | None
    state: str
    since: int | None


class Supervisor:
    """The supervisor of one stack, running or not."""

    def __init__(self, state: State) -> None:
        """Speak to the supervisor of `state`; connects when asked something."""
        self._state = state
        self._socket = state.sockets / "supervisor.sock"
        self._memory = state.run / supervise.MEMORY

    def runs(self) -> bool:
        """Return whether it answers."""
        try:
            self._call("getState")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def start(self, services: Sequence[Service]) -> None:
        """Start it, detached from the terminal, with all services stopped."""
        self.configure(services, autostart=False)
        self._socket.unlink(missing_ok=True)
        with (self._state.logs / "supervisord.out").open("ab") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "local_stack.supervise",
                    "-n",
                    "-c",
                    "supervisor.conf",
                ],
                cwd=self._state.run,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A closed terminal sends SIGHUP, which supervisor takes for "restart everything".
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_S
        while not self.runs():
            if process.poll() is not None or time.monotonic() > deadline:
                log = self._state.logs / "supervisord.out"
                raise StackError(f"Supervisor does not start: see {log}.")
            time.sleep(_POLL_S)

    def configure(self, services: Sequence[Service], *, autostart: bool) -> None:
        """Write its configuration, and a plan for each service.

        Args:
            services: What it supervises.
            autostart: Whether it starts them by itself: only after `up` has prepared all.
        """
        for service in services:
            plan = json.dumps(asdict(_plan(service, self._state)), indent=2)
            files.write(self._state.run / f"{service.name}.plan", plan)
        files.write(
            self._state.run / "supervisor.conf",
            configuration(services, socket_path=self._socket, autostart=autostart),
        )

    def services(self) -> list[Told]:
        """Return what it knows of each service."""
        return [
            Told(
                name=entry["name"],
                pid=entry["pid"] or None,
                state=str(entry["statename"]).lower(),
                since=(entry["start"] if entry["pid"] else entry["stop"]) or None,
            )
            for entry in self._call("getAllProcessInfo")
        ]

    def waves(self) -> dict[int, list[str]]:
        """Return the names of its services by wave."""
        waves: dict[int, list[str]] = {}
        for entry in self._call("getAllConfigInfo"):
            waves.setdefault(entry["group_prio"], []).append(entry["name"])
        return waves

    def start_service(self, name: str) -> None:
        """Start service `name` unless it runs; does not wait for it."""
        self._tolerant("startProcess", name)

    def stop_service(self, name: str) -> None:
        """Stop service `name` if it runs; does not wait for it."""
        self._tolerant("stopProcess", name)

    def shut_down(self) -> bool:
        """End it and what it still runs; returns, when all is gone, whether there was anything."""
        # Its own answer to the signal is the same shutdown, whether it can be asked or not.
        ended = leftovers.end(self._memory)
        self._socket.unlink(missing_ok=True)
        return ended

    def _tolerant(self, method: str, name: str) -> None:
        try:
            wait = False
            self._call(method, name, wait)
        except xmlrpc.client.Fault as fault:
            # Already started, not running: as wanted.
            if not any(word in fault.faultString for word in ("ALREADY_STARTED", "NOT_RUNNING")):
                raise StackError(f"Supervisor cannot handle {name}: {fault.faultString}.") from None

    def _call(self, method: str, *arguments: object) -> Any:
        transport = _UnixTransport(str(self._socket))
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def configuration(services: Iterable[Service], *, socket_path: Path, autostart: bool) -> str:
    """Return supervisor's configuration; all its paths but the socket's are relative to its folder.

    Nothing of the user's needs quoting so: commands, paths and environments are in the plans.
    """
    sections = [
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        "logfile=../logs/supervisor.log",
        "logfile_maxbytes=5MB",
        "logfile_backups=2",
        "pidfile=supervisor.pid",
        *(["user=root"] if os.geteuid() == 0 else []),
        "[unix_http_server]",
        f"file={str(socket_path).replace('%', '%%')}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for service in services:
        sections += _program(service, autostart=autostart)
    return "\n".join(sections) + "\n"


def _program(service: Service, *, autostart: bool) -> list[str]:
    python = Path(sys.executable).name
    own_errors = (
        [f"stderr_logfile=../logs/{service.name}.errors.log"]
        if service.own_errors
        else ["redirect_stderr=true"]
    )
    return [
        f"[program:{service.name}]",
        f"command={python} -P -m local_stack.launch {service.name}.plan",
        f"priority={service.wave}",
        f"autostart={str(autostart).lower()}",
        "autorestart=true",
        "startsecs=1",
        # For ever: a port or a disk that comes free again must be enough to heal.
        "startretries=1000000000",
        f"stopsignal={service.stop_signal}",
        f"stopwaitsecs={service.stop_seconds}",
        "killasgroup=true",
        f"stdout_logfile=../logs/{service.name}.log",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
        "stderr_logfile_maxbytes=5MB",
        "stderr_logfile_backups=2",
        *own_errors,
    ]


def _plan(service: Service, state: State) -> Plan:
    return Plan(
        command=list(service.command),
        environment={"PATH": os.defpath, **service.environment},
        folder=str(service.folder),
        memory=str(state.run / f"{service.name}.group"),
        stop_signal=service.stop_signal,
        stop_seconds=service.stop_seconds,
        uid=service.account.uid if service.account else None,
        gid=service.account.gid if service.account else None,
        waits_for=list(service.waits_for),
        pid_file=str(service.pid_file) if service.pid_file else None,
        sockets=[str(path) for path in service.sockets],
    )


def _environment() -> dict[str, str]:
    """Return what supervisor may know: programs are found by PATH, no setting leaks through."""
    folder = str(Path(sys.executable).parent)
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    return {"PATH": os.pathsep.join([folder, os.defpath]), "LANG": "C.UTF-8", **kept}


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        # Kept where the base keeps it, which so closes it.
        self._connection = host, _UnixConnection(self._path)
        return self._connection[1]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("127.0.0.1", timeout=_ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
