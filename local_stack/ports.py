"""Chooses the ports of the parts that only this machine talks to."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Collection
from pathlib import Path

from local_stack.errors import StackError

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = "0.0.0.0"  # noqa: S104  # NGINX is the one public part
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SPAN = 10_000
_TRIES = 1_000


def choose(taken: Collection[int]) -> int:
    """Return a free loopback port that is not in `taken`.

    It lies below the range from which the kernel serves outgoing connections: one of those could
    otherwise hold the port at the moment when a killed server wants it back.
    """
    low = int(_EPHEMERAL.read_text().split()[0])
    top = low if low > 2 * _SPAN else 32_768
    for _ in range(_TRIES):
        port = random.randrange(top - _SPAN, top)  # noqa: S311  # no secret
        if port not in taken and is_free(port):
            return port
    raise StackError("No free port was found: stop some servers on this machine.")


def is_free(port: int, host: str = _LOOPBACK) -> bool:
    """Return whether a server could listen on `port` now."""
    try:
        _bind(port, host)
    except OSError:
        return False
    return True


def check_public(port: int) -> None:
    """Pass if NGINX could listen on `port`.

    Raises:
        StackError: Another program has it, or this user may not.
    """
    try:
        _bind(port, _EVERYWHERE)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            mend = "stop what listens there, or choose another: MESSAGING_PORT=8081"
            raise StackError(f"Port {port} is in use: {mend}.") from None
        if error.errno in {errno.EACCES, errno.EPERM}:
            mend = "choose one above 1023: MESSAGING_PORT=8080"
            raise StackError(f"Port {port} is not allowed to this user: {mend}.") from None
        raise


def _bind(port: int, host: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
