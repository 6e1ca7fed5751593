"""What a stack remembers between its starts, as one JSON file."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from local_stack import files, ports
from local_stack.errors import StackError

LOOPBACK_PORTS = (
    "primary",
    "replica",
    "redis",
    "pgpool",
    "pgpool_admin",
    "auth_api",
    "command_api",
    "query_api",
    "query_stream",
    "worker-1",
    "worker-2",
    "flower",
)
_FORM = 1


@dataclass(frozen=True, kw_only=True)
class Record:
    """The choices of a stack that must not change by themselves.

    Attributes:
        identity: Tells this stack from one that had the same state folder before.
        uid: Who made it.
        event_partitions: How many there are; events know their partition for ever.
        ports: Where each part listens; `nginx` is the public one.
        servers: The folder with the servers' data, seen from the state folder.
        sockets: The folder of Unix sockets, likewise: their paths may not be long.
        pgpool: The PGPool program in use; empty where there is none.
        pgpool_libraries: Where it finds its libraries, if not where the system has them.
        pgpool_missed: When it could last not be had, in seconds since 1970.
        settings: What the environment set when the stack was last started.
    """

    identity: str
    uid: int
    event_partitions: int
    ports: dict[str, int] = field(default_factory=dict)
    servers: str = ""
    sockets: str = ""
    pgpool: str = ""
    pgpool_libraries: str = ""
    pgpool_missed: float = 0
    settings: dict[str, str] = field(default_factory=dict)
    form: int = _FORM

    @classmethod
    def new(cls, *, uid: int, event_partitions: int) -> Self:
        """Return the record of a stack that is about to be made."""
        return cls(identity=secrets.token_hex(8), uid=uid, event_partitions=event_partitions)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return the record at `path`, or None where there is none yet.

        Raises:
            StackError: It cannot be understood.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            record = cls(**content)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise StackError(
                f"{path} is damaged: restore it, or set another MESSAGING_STATE."
            ) from None
        if record.form != _FORM:
            raise StackError(f"{path} was written by another version of messaging: use that one.")
        return record

    def write(self, path: Path) -> None:
        """Put the record at `path`."""
        files.write(path, json.dumps(asdict(self), indent=2) + "\n")

    def with_free_ports(self) -> Self:
        """Return the record with a usable port for each part: the same as before where free."""
        chosen: dict[str, int] = {k: v for k, v in self.ports.items() if k == "nginx"}
        for name in LOOPBACK_PORTS:
            known = self.ports.get(name)
            usable = known is not None and known not in chosen.values() and ports.is_free(known)
            chosen[name] = known if usable and known else ports.choose(chosen.values())
        return replace(self, ports=chosen)
