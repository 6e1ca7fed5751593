"""What special faults need: a small volume for the queue, a clock to set, a right to do all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local_stack import accounts, processes
from tests.debian_packages import NotToBeHadError, faketime_library
from tests.running_stack import RunningStack

ADMIN = "chaos"
_VOLUME_MB = 640


class Arms:
    """What can be had here, and why the rest cannot.

    Attributes:
        password: That of the Redis user `ADMIN`.
        missing: What cannot be had, `clock` or `volume`, and the reason.
        clock: How many seconds Redis's clock is ahead.
        volume: The small volume while it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        """Look what can be had; keep the clock's file in `folder`."""
        self.password = secrets.token_hex(16)
        self.missing: dict[str, str] = {}
        self._clock = folder / "clock"
        self._library: Path | None = None
        self.volume: Path | None = None
        try:
            self._library = faketime_library()
        except NotToBeHadError as error:
            self.missing["clock"] = str(error)
        if os.geteuid() != 0:
            self.missing["volume"] = "mounting a small volume needs root"
        self.set_clock(0)

    def set_clock(self, seconds: int) -> None:
        """Let Redis's clock be so many seconds ahead of the true one."""
        self.clock = seconds
        temporary = self._clock.with_suffix(".new")
        temporary.write_text(f"{seconds:+d}\n")
        temporary.chmod(0o644)
        temporary.replace(self._clock)

    def prepare(self, stack: RunningStack) -> bool:
        """Change plan and users of Redis; True where it has to be restarted for that."""
        changed = self._give_rights(stack.servers / "redis/users.acl")
        if self._library is not None:
            changed = self._give_clock(stack.state / "run/redis.plan") or changed
        return changed

    @contextmanager
    def small_volume(self, folder: Path) -> Iterator[None]:
        """Let `folder`, of a Redis that is stopped, be a small volume without data for a while.

        Where that cannot be done it stays as it is, and `missing` says why.
        """
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        done = self._mount(folder) if "volume" not in self.missing else None
        if done is not None and done.returncode != 0:
            self.missing["volume"] = f"no volume can be mounted: {done.stderr.strip()}"
        if "volume" not in self.missing:
            self.volume = folder
            _write(folder, files)
        try:
            yield
        finally:
            if self.volume is not None:
                subprocess.run(["umount", "--lazy", str(folder)], check=False)
                self.volume = None

    def _mount(self, folder: Path) -> subprocess.CompletedProcess[str]:
        account = accounts.for_servers()
        owner = f",uid={account.uid},gid={account.gid}" if account else ""
        options = f"size={_VOLUME_MB}m,mode=700{owner}"
        return subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "messaging-chaos", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )

    def tidy(self) -> None:
        """Remove what libfaketime shares in memory and cannot take away where it is killed."""
        for path in Path("/dev/shm").glob("*faketime*_*"):
            pid = path.name.rpartition("_")[2]
            if pid.isdecimal() and processes.find(int(pid)) is None:
                path.unlink(missing_ok=True)

    def _give_rights(self, path: Path) -> bool:
        digest = hashlib.sha256(self.password.encode()).hexdigest()
        line = f"user {ADMIN} on #{digest} ~* &* +@all\n"
        text = path.read_text()
        if line in text:
            return False
        with path.open("a") as users:
            users.write(line)
        return True

    def _give_clock(self, path: Path) -> bool:
        plan = json.loads(path.read_text())
        wanted = {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            # Looked up every second, so that it can be stepped while the server runs.
            "FAKETIME_CACHE_DURATION": "1",
            # Valkey measures durations by it.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        if wanted.items() <= plan["environment"].items():
            return False
        plan["environment"] |= wanted
        path.write_text(json.dumps(plan, indent=2))
        return True


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    account = accounts.for_servers()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        if account is not None:
            os.chown(folder / name, account.uid, account.gid)
