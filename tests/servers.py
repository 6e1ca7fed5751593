"""Bare servers for tests of single rooms: Postgres with our schemas, Valkey; no stack around."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import redis

from database.migrate import upgrade
from local_stack import accounts, binaries

_ROLES = Path(__file__).parents[1] / "database" / "roles.sql"


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The ports of running servers; Postgres trusts every role, Valkey its default user."""

    postgres_port: int
    valkey_port: int

    def database_url(self, role: str) -> str:
        """Return the address of database `messaging` as `role`."""
        return f"postgresql+psycopg2://{role}@127.0.0.1:{self.postgres_port}/messaging"

    def redis_url(self, database: int = 0) -> str:
        """Return the address of Valkey."""
        return f"redis://default@127.0.0.1:{self.valkey_port}/{database}"


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running() -> Iterator[Servers]:
    """Start both servers in a folder of their own, migrated; stop them and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="messaging-test-"))
    account = accounts.for_servers()
    folder.chmod(0o755)
    copies, data = folder / "bin", folder / "data"
    copies.mkdir(mode=0o755)
    data.mkdir()
    if account:
        shutil.chown(data, account.uid, account.gid)
    user: dict[str, Any] = (
        {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    )
    found = binaries.find(account, copies)
    servers = Servers(postgres_port=free_port(), valkey_port=free_port())
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        initdb = [found.postgres / "initdb", "-D", data / "pg", "-U", "postgres", "--auth=trust"]
        initdb += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [str(part) for part in initdb], check=True, stdout=subprocess.DEVNULL, **user
        )
        postgres = [found.postgres / "postgres", "-D", data / "pg", "-p", servers.postgres_port]
        for option in ("fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories="):
            postgres += ["-c", option]
        valkey = [found.valkey, "--port", servers.valkey_port, "--bind", "127.0.0.1"]
        valkey += ["--dir", data, "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        for command in (postgres, valkey):
            stack.enter_context(_process([str(part) for part in command], user))
        _create_database(servers)
        _await_valkey(servers)
        yield servers


@contextmanager
def _process(command: list[str], user: dict[str, Any]) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **user
    )
    try:
        yield
    finally:
        process.send_signal(2)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _create_database(servers: Servers) -> None:
    address: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": servers.postgres_port,
        "user": "postgres",
    }
    deadline = time.monotonic() + 30
    while True:
        try:
            connection = psycopg2.connect(dbname="postgres", **address)
            break
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    connection.autocommit = True
    connection.cursor().execute("CREATE DATABASE messaging")
    connection.close()
    with psycopg2.connect(dbname="messaging", **address) as connection:
        connection.cursor().execute(_ROLES.read_text())
    connection.close()
    upgrade(servers.database_url("messaging_owner"))


def _await_valkey(servers: Servers) -> None:
    deadline = time.monotonic() + 30
    with redis.Redis(port=servers.valkey_port) as client:
        while time.monotonic() < deadline:
            with suppress(redis.ConnectionError):
                if client.ping():
                    return
            time.sleep(0.05)
    raise TimeoutError("Valkey does not answer")
