"""A stack of the benchmark's own, and the plain Flask application under the same gunicorn."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_MESSAGING = Path(sys.executable).parent / "messaging"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running service: the pid of its master and the address that it listens on."""

    pid: int
    url: str


@contextmanager
def stack(**settings: str) -> Iterator[dict[str, Service]]:
    """Start a stack in a temporary folder; give its services by name; stop it at the end.

    Meanwhile `MESSAGING_STATE` names it, for the verbs that look after it.
    """
    with tempfile.TemporaryDirectory(prefix="messaging-bench-") as folder:
        Path(folder).chmod(0o711)  # As root the servers run as another user, who must pass.
        environ = {
            **os.environ,
            **settings,
            "MESSAGING_STATE": f"{folder}/state",
            "MESSAGING_PORT": str(free_port()),
            # The benchmark is one account in a hurry.
            "MESSAGING_COMMAND_RATE": "1000000",
            "MESSAGING_COMMAND_BURST": "1000000",
        }
        os.environ["MESSAGING_STATE"] = environ["MESSAGING_STATE"]
        try:
            subprocess.run([_MESSAGING, "up"], env=environ, check=True, stdout=subprocess.DEVNULL)
            told = subprocess.run(
                [_MESSAGING, "status", "--json"], env=environ, check=True, capture_output=True
            )
            yield {
                found["name"]: Service(pid=found["pid"], url=f"http://127.0.0.1:{found['port']}")
                for found in json.loads(told.stdout)["services"]
            }
        finally:
            subprocess.run([_MESSAGING, "down"], env=environ, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def plain_flask(options: list[str]) -> Iterator[Service]:
    """Start the plain Flask application under gunicorn with `options`."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "bench.plain:app", "--bind", f"127.0.0.1:{port}"]
    process = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)
    try:
        _await(f"http://127.0.0.1:{port}/")
        yield Service(pid=process.pid, url=f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _await(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"{url} does not answer")
