"""A whole stack of its own for tests, started and stopped as a user does it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812  # it is a class
from redis import Redis

from local_stack import ports
from local_stack.credentials import Credentials, read

# What makes tests quick; limits are high so that tests need not wait for one another.
FAST = {
    "MESSAGING_AUTH_RATE": "10000",
    "MESSAGING_AUTH_BURST": "10000",
    "MESSAGING_COMMAND_RATE": "100000",
    "MESSAGING_COMMAND_BURST": "100000",
    "MESSAGING_LOGIN_FAILURES_ADDRESS": "100000",
    "MESSAGING_ARGON2_MEMORY_KIB": "64",
    "MESSAGING_ARGON2_PASSES": "1",
    # Canaries count as entries of the queues: tests of these have stacks of their own.
    "MESSAGING_CANARY_SECONDS": "0",
}
# As people run it; a stuck partition shows sooner.
CANARIES = {"MESSAGING_CANARY_SECONDS": "2", "MESSAGING_CANARY_LIMIT": "20"}
MESSAGING = Path(sys.executable).parent / "messaging"
_UP_S = 240


class RunningStack:
    """A stack in a folder of its own; every method may be used while it runs, or is broken."""

    def __init__(self, state: Path, settings: Mapping[str, str]) -> None:
        self.state = state
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MESSAGING_")}
        self.environ = {**inherited, **settings, "MESSAGING_STATE": str(state)}

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.record['ports']['nginx']}"

    @property
    def record(self) -> dict[str, Any]:
        """What the stack remembers: ports and choices."""
        record: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return record

    @property
    def secrets(self) -> Path:
        """The folder of its secrets."""
        return self.state / "secrets"

    @property
    def servers(self) -> Path:
        """The folder of the servers' data."""
        return self.state / str(self.record["servers"])

    def messaging(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `messaging` with these arguments, `settings` on top of the environment."""
        return subprocess.run(
            [str(MESSAGING), *arguments],
            env={**self.environ, **settings},
            capture_output=True,
            text=True,
            timeout=_UP_S,
            check=False,
        )

    def up(self, **settings: str) -> str:
        """Start it, as `messaging up`; returns what that prints."""
        done = self.messaging("up", **settings)
        assert done.returncode == 0, f"{done.stderr}\n{self._last_words()}"
        return done.stdout

    def down(self) -> None:
        """Stop it, as `messaging down`."""
        done = self.messaging("down")
        assert done.returncode == 0, done.stderr

    def status(self) -> dict[str, Any]:
        """Return what `messaging status --json` says."""
        status: dict[str, Any] = json.loads(self.messaging("status", "--json").stdout)
        return status

    def service(self, name: str) -> dict[str, Any]:
        """Return the status of one service."""
        found: dict[str, Any] = next(s for s in self.status()["services"] if s["name"] == name)
        return found

    def pid(self, name: str) -> int:
        """Return the process id of a service that runs."""
        pid: int = self.service(name)["pid"]
        return pid

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to the process of service `name`; returns its id."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def supervisor_pid(self) -> int:
        """Return the process id of supervisor."""
        leader: int = json.loads((self.state / "run/supervisor.group").read_text())["leader"]
        return leader

    def is_ready(self) -> bool:
        """Return whether `/readyz` answers 200."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def wait_ready(self, seconds: float = 60) -> None:
        """Return once `/readyz` answers 200."""
        wait_until(self.is_ready, seconds)

    def password(self, kind: str, name: str) -> str:
        """Return the password of a `database` role or a `redis` user."""
        credentials = Credentials(self.secrets)
        return read(credentials.database(name) if kind == "database" else credentials.redis(name))

    def dsn(self, role: str, *, server: str = "primary", application_name: str = "test") -> str:
        """Return the libpq address of database `messaging` for `role`, password included.

        `server` is primary, replica or pgpool.
        """
        return (
            f"host=127.0.0.1 port={self.record['ports'][server]} dbname=messaging user={role}"
            f" password={self.password('database', role)} application_name={application_name}"
            " connect_timeout=5"
        )

    def connect(self, role: str, **options: str) -> Connection:
        """Return an autocommit connection; see `dsn` for the options."""
        connection = psycopg2.connect(self.dsn(role, **options))
        connection.autocommit = True
        return connection

    def redis(self, user: str, *, database: int = 0) -> Redis:
        """Return a Redis client as ACL user `user`."""
        return Redis(
            port=self.record["ports"]["redis"],
            db=database,
            username=user,
            password=self.password("redis", user),
            decode_responses=True,
        )

    def _last_words(self) -> str:
        logs = sorted((self.state / "logs").glob("*.log"))
        return "\n".join(f"== {log.name}\n{log.read_text()[-2000:]}" for log in logs)


class ServedStack(RunningStack):
    """A service known by its address, and perhaps its secrets.

    Tests that need the machine it runs on are skipped.
    """

    def __init__(self, url: str, secrets: Path | None = None) -> None:
        # No state, no environment: whoever asks for them is told so below.
        self._url = url
        self._secrets = secrets

    @property
    def url(self) -> str:
        """The public address."""
        return self._url

    @property
    def secrets(self) -> Path:
        """The folder of its secrets, if it is known."""
        if self._secrets is None:
            pytest.skip("needs the secrets of the service")
        return self._secrets

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"needs the machine that the service runs on: {name}")


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Return once `condition` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


@contextmanager
def stack_folder(**settings: str) -> Iterator[RunningStack]:
    """Give a stack that is not started yet; whatever is left of it at the end is removed."""
    folder = Path(tempfile.mkdtemp(prefix="mst-"))
    # As root the servers run as another user, who must be able to pass.
    folder.chmod(0o711)
    port = {"MESSAGING_PORT": str(ports.choose(()))}
    stack = RunningStack(folder / "state", {**FAST, **port, **settings})
    try:
        yield stack
    finally:
        stack.messaging("down")
        if (stack.state / "stack.json").exists():
            shutil.rmtree(stack.servers, ignore_errors=True)
            shutil.rmtree(stack.state / stack.record["sockets"], ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_stack(**settings: str) -> Iterator[RunningStack]:
    """Give a started stack of one's own; stopped and removed at the end."""
    with stack_folder(**settings) as stack:
        stack.up()
        yield stack
