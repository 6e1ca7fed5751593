"""The folder of one stack: where everything of it is, and who may use it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from local_stack import files, settings
from local_stack.accounts import Account, can_reach, for_servers
from local_stack.credentials import Credentials
from local_stack.errors import StackError
from local_stack.record import Record

# Longest path of a Unix socket, less the longest name that we or supervisor put behind it.
_LONGEST_SOCKET_FOLDER = 107 - len("/pgpool/.s.PGSQL.65535") - len(".1234567")
_SHARED_SERVERS = Path("/var/lib/messaging")
_DEFAULT_PORT = 8080
DEFAULT_PARTITIONS = 16


class State:
    """The paths of a stack, made from its folder and its record."""

    def __init__(
        self,
        folder: Path,
        record: Record,
        *,
        hosts: Mapping[str, str] | None = None,
        authorities: Path | None = None,
    ) -> None:
        """Describe the stack in `folder`, whose parts are on this machine or on `hosts`.

        Where its servers speak TLS, `authorities` is the file of the certificates to trust.
        """
        self.folder = folder
        self.record = record
        self._hosts = hosts or {}
        self.authorities = authorities

    def address(self, name: str) -> str:
        """Return host and port of part `name`."""
        return f"{self._hosts.get(name, '127.0.0.1')}:{self.record.ports[name]}"

    @property
    def credentials(self) -> Credentials:
        """The stack's secrets."""
        return Credentials(self.folder / "secrets")

    @property
    def logs(self) -> Path:
        """The folder with a log of each service."""
        return self.folder / "logs"

    @property
    def run(self) -> Path:
        """The folder with what supervisor needs."""
        return self.folder / "run"

    @property
    def servers(self) -> Path:
        """The folder with the servers' configuration and data, which their user can reach."""
        return self.folder / self.record.servers

    @property
    def sockets(self) -> Path:
        """The folder of Unix sockets."""
        return self.folder / self.record.sockets

    @property
    def url(self) -> str:
        """The public address."""
        configured = self.record.settings.get("MESSAGING_PUBLIC_URL")
        return configured or f"http://127.0.0.1:{self.record.ports['nginx']}"

    def save(self, record: Record) -> None:
        """Make `record` the stack's, on disk too."""
        if record != self.record or not (self.folder / "stack.json").exists():
            record.write(self.folder / "stack.json")
            self.record = record


def folder_of(environ: Mapping[str, str]) -> Path:
    """Return the state folder that `environ` asks for."""
    return Path(environ.get("MESSAGING_STATE") or ".messaging").expanduser().absolute()


def port_of(environ: Mapping[str, str], recorded: int | None = None) -> int:
    """Return the public port: what `environ` asks for, else the recorded one, else 8080."""
    text = environ.get("MESSAGING_PORT")
    if not text:
        return recorded or _DEFAULT_PORT
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise StackError(f"MESSAGING_PORT={text!r} is no port: give a number from 1 to 65535.")
    return int(text)


def look(environ: Mapping[str, str]) -> State | None:
    """Return the stack that exists, without changing anything; None where there is none."""
    folder = folder_of(environ)
    try:
        record = Record.read(folder / "stack.json")
    except PermissionError:
        raise _not_ours(folder) from None
    return State(folder, record) if record else None


def enter(environ: Mapping[str, str]) -> Path:
    """Return the state folder, made where missing, that this user may use.

    Raises:
        StackError: It is somebody else's, or not writable.
    """
    if sys.platform != "linux":
        raise StackError("The local stack runs on Linux only; use the containers elsewhere.")
    folder = folder_of(environ)
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o700)
    if not folder.is_dir():
        raise StackError(f"{folder} is no folder: set MESSAGING_STATE to another path.")
    if folder.stat().st_uid != os.geteuid():
        raise _not_ours(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StackError(f"{folder} is not writable: set MESSAGING_STATE to another folder.")
    return folder


def make(folder: Path, environ: Mapping[str, str]) -> State:
    """Return the stack in `folder`, its folders and record made where missing."""
    account = for_servers()
    _open_to(account, folder)
    partitions = partitions_of(environ)
    record = Record.read(folder / "stack.json")
    if record is None:
        record = Record.new(uid=os.geteuid(), event_partitions=partitions or DEFAULT_PARTITIONS)
    if partitions not in {None, record.event_partitions}:
        raise StackError(
            f"MESSAGING_EVENT_PARTITIONS={partitions}, but this stack was made with"
            f" {record.event_partitions}: unset it, or run messaging events repartition."
        )
    state = State(folder, record)
    _place(state, account)
    for path in (state.run, state.logs):
        files.folder(path)
    return state


def _open_to(account: Account | None, folder: Path) -> None:
    """Let the servers' user pass through `folder` to its own data; it can list and read nothing."""
    if account is None:
        files.folder(folder)
    else:
        owner = Account(name="", uid=os.geteuid(), gid=account.gid)
        files.folder(folder, mode=0o710, owner=owner)


def _place(state: State, account: Account | None) -> None:
    """Decide where the servers' data and the sockets lie, make these folders and remember them."""
    record = state.record
    if not record.servers:
        servers = Path("servers")
        if account is not None and not can_reach(account, state.folder):
            name = hashlib.sha256(str(state.folder).encode()).hexdigest()[:12]
            servers = _SHARED_SERVERS / name
        record = replace(record, servers=str(servers))
    # Relative where possible: a moved state folder then still works.
    sockets = Path(record.sockets or f"{record.servers}/sockets")
    if len(str(state.folder / sockets)) > _LONGEST_SOCKET_FOLDER:
        sockets = _short_folder() / f"messaging-{record.identity}"
    state.save(replace(record, sockets=str(sockets)))
    if state.servers.parent != state.folder:
        files.folder(state.folder)
    _make_servers_folder(state, account)


def _short_folder() -> Path:
    for candidate in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        # Root's switch to another user must be able to enter; the runtime folder is private.
        private = candidate == os.environ.get("XDG_RUNTIME_DIR") and os.geteuid() == 0
        if candidate and not private and Path(candidate).is_dir() and len(candidate) < 40:
            return Path(candidate)
    raise StackError("No short folder for sockets: set TMPDIR=/tmp.")


def _make_servers_folder(state: State, account: Account | None) -> None:
    servers = state.servers
    if servers.parent == _SHARED_SERVERS:
        files.folder(_SHARED_SERVERS, mode=0o755)
        _set_strangers_aside(servers, state.record.identity)
    for folder in (servers, state.sockets):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            raise StackError(f"{folder} belongs to somebody else: remove it and start again.")
        _open_to(account, folder)
    files.write(servers / "stack", state.record.identity + "\n")


def _set_strangers_aside(servers: Path, identity: str) -> None:
    """Move away what a removed stack of the same state folder left: its secrets are gone."""
    marker = servers / "stack"
    if marker.exists() and marker.read_text().strip() != identity:
        servers.rename(f"{servers}.{time.strftime('%Y%m%dT%H%M%S')}")


def partitions_of(environ: Mapping[str, str]) -> int | None:
    """Return the number of partitions that `environ` asks for, None where it does not say."""
    text = environ.get(settings.PARTITIONS)
    if not text:
        return None
    partitions = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= partitions <= 1024 or partitions & (partitions - 1):
        raise StackError(f"{settings.PARTITIONS}={text!r} is no power of two up to 1024.")
    return partitions


def _not_ours(folder: Path) -> StackError:
    uid = folder.stat().st_uid
    try:
        owner = pwd.getpwuid(uid).pw_name
    except KeyError:
        owner = str(uid)
    return StackError(
        f"{folder} was made by {owner}: run as {owner}, or set MESSAGING_STATE to another folder."
    )


@contextmanager
def locked(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let one `up` or `down` at a time work on the stack in `folder`; others wait and `say` so."""
    with (folder / "lock").open("w") as lock:
        # Whoever can open it can hold it.
        os.fchmod(lock.fileno(), 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another messaging up or down")
            fcntl.flock(lock, fcntl.LOCK_EX)
        # Closing the file gives the lock back, a kill too.
        yield
