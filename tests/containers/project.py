"""The container stack as a Compose project of its own, started and broken as a user could."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_stack import ports
from tests.running_stack import FAST, ServedStack, wait_until

ROOT = Path(__file__).resolve().parents[2]
# Images are built and bases pulled on the way.
_UP_S = 1_200
# Longer than a primary needs to come back by itself, shorter than what a sender waits.
FAILOVER_S = 15


@dataclass(frozen=True, kw_only=True)
class Node:
    """A Postgres server as PGPool sees it; `state` is that of its replication."""

    up: bool
    role: str
    state: str


class Project:
    """One project: its containers, networks, volumes and secrets."""

    def __init__(self, folder: Path) -> None:
        """Describe it; its secrets will lie in `folder`."""
        self.secrets = folder / "secrets"
        self.port = ports.choose(())
        tag = f"test-{os.getpid()}"
        self.images = (f"messaging:{tag}", f"messaging-pgpool:{tag}")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MESSAGING_")}
        self.environ = {
            **inherited,
            **FAST,
            "COMPOSE_PROJECT_NAME": f"messaging-test-{os.getpid()}",
            # The settings of whoever runs the tests are not for them.
            "COMPOSE_ENV_FILES": os.devnull,
            "COMPOSE_PROFILES": "",
            "MESSAGING_SECRETS": str(self.secrets),
            "MESSAGING_PORT": str(self.port),
            "MESSAGING_FAILOVER_SECONDS": str(FAILOVER_S),
            "MESSAGING_IMAGE": self.images[0],
            "MESSAGING_PGPOOL_IMAGE": self.images[1],
        }

    def remove(self) -> None:
        """Remove all of it, with its volumes and the images that were built for it."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5")
        self.run("docker", "image", "rm", *self.images, check=False)

    def requires(self, image: str) -> None:
        """Skip the test where an image is neither here nor can be fetched."""
        ways = (("image", "inspect"), ("pull", "--quiet"))
        if all(self.run("docker", *way, image, check=False).returncode for way in ways):
            pytest.skip(f"the image {image} cannot be had")

    @property
    def served(self) -> ServedStack:
        """The service as its clients know it."""
        return ServedStack(f"http://127.0.0.1:{self.port}")

    def run(
        self, *command: str, check: bool = True, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with the project's environment."""
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_UP_S,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` and return what it prints."""
        return self.run("docker", "compose", *arguments).stdout

    def up(self, *options: str) -> None:
        """Start what does not run, and wait until all of it is healthy."""
        self.compose("up", "--detach", "--wait", *options)

    def containers(self) -> list[dict[str, Any]]:
        """Return what `docker inspect` says of each container that runs."""
        identities = self.compose("ps", "--quiet").split()
        inspected: list[dict[str, Any]] = json.loads(
            self.run("docker", "inspect", *identities).stdout
        )
        return inspected

    def inside(self, service: str, script: str) -> str:
        """Run a shell script inside the first container of a service; return what it prints."""
        return self.compose("exec", "-T", service, "sh", "-euc", script)

    def container(self, service: str) -> str:
        """Return the id of a service's first container, running or not."""
        return self.compose("ps", "--all", "--quiet", service).split()[0]

    def nodes(self) -> dict[str, Node]:
        """Return the Postgres servers by their hosts, as PGPool sees them; none if it is away."""
        try:
            rows = [row.split("|") for row in self.query("operator", "SHOW POOL_NODES")]
        except AssertionError:  # PGPool is away, or has no server.
            return {}
        return {row[1]: Node(up=row[3] == "up", role=row[6], state=row[11]) for row in rows}

    def follows(self, host: str) -> bool:
        """Return whether the server at `host` follows the primary, and PGPool uses it."""
        return self.nodes().get(host) == Node(up=True, role="standby", state="streaming")

    def leader(self) -> str:
        """Return the host of the server that PGPool has appointed as the primary."""
        return self.inside("pgpool", "cat /var/lib/messaging/leader").strip()

    def disconnect(self, service: str) -> Callable[[], None]:
        """Cut a service's first container off from all its networks; return what heals it."""
        identity = self.container(service)
        inspected = json.loads(self.run("docker", "inspect", identity).stdout)[0]
        networks = list(inspected["NetworkSettings"]["Networks"])
        for network in networks:
            self.run("docker", "network", "disconnect", network, identity)

        def heal() -> None:
            for network in networks:
                self.run("docker", "network", "connect", "--alias", service, network, identity)

        return heal

    def crash(self, service: str) -> None:
        """Kill the processes of a service's container, as a crash does, and see it restart."""
        identity = self.compose("ps", "--quiet", service).split()[0]
        before = self._restarts(identity)
        # All but the init process, which ends with them; the shell dies as well.
        self.run("docker", "exec", identity, "sh", "-c", "kill -9 -1", check=False)
        wait_until(lambda: self._restarts(identity) > before)

    def _restarts(self, identity: str) -> int:
        return int(self.run("docker", "inspect", "-f", "{{.RestartCount}}", identity).stdout)

    def secret(self, name: str) -> str:
        """Return a secret's text."""
        return (self.secrets / name).read_text(encoding="utf-8").strip()

    def query(self, role: str, statement: str, *, host: str = "127.0.0.1") -> list[str]:
        """Return the rows of a statement at PGPool, or at a server, columns parted by `|`."""
        password = f"$(cat /run/secrets/postgres-{role})"
        address = f"-h {host} -U {role} -d messaging"
        script = f'PGPASSWORD="{password}" psql -XqAt {address} -c "{statement}"'
        return self.inside("pgpool", script).splitlines()


def service_of(container: Mapping[str, Any]) -> str:
    """Return the service that an inspected container belongs to."""
    name: str = container["Config"]["Labels"]["com.docker.compose.service"]
    return name
