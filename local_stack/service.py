"""What the local stack must know of a service to start, watch and stop it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from local_stack.accounts import Account


@dataclass(frozen=True, kw_only=True)
class Service:
    """One supervised process with its children.

    Attributes:
        name: As in `messaging status`.
        wave: Services start in rising order of their waves, each wave at once, and stop in
            falling order.
        command: The program and its arguments.
        folder: Where it runs.
        environment: All that it gets to know from the environment.
        stop_signal: What ends it politely, without SIG.
        stop_seconds: How long that may take before it is killed.
        account: Who runs it; none: the invoking user.
        port: Where it listens.
        waits_for: Loopback ports that must answer before it starts.
        pid_file: What it leaves behind if killed, and would stumble over.
        sockets: The same for Unix sockets.
        own_errors: Its standard error has a log of its own.
    """

    name: str
    wave: int
    command: tuple[str, ...]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    account: Account | None = None
    port: int | None = None
    waits_for: tuple[int, ...] = ()
    pid_file: Path | None = None
    sockets: tuple[Path, ...] = ()
    own_errors: bool = False
