"""The container stack as an operator's commands find it, from a container of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from local_stack import settings
from local_stack.errors import StackError
from local_stack.record import Record
from local_stack.state import DEFAULT_PARTITIONS, State, partitions_of

# Beside the folder `secrets`, where Docker puts what the service is given.
_FOLDER = Path("/run")
_SERVERS = {"pgpool": "MESSAGING_OPERATOR_PGPOOL", "redis": "MESSAGING_OPERATOR_REDIS"}


def state(environ: Mapping[str, str]) -> State | None:
    """Return the stack whose servers `environ` names, each as host:port; None where it names none.

    Raises:
        StackError: An address is not of that form, or one is missing.
    """
    given = {name: environ.get(variable, "") for name, variable in _SERVERS.items()}
    if not any(given.values()):
        return None
    addresses = {name: _parted(_SERVERS[name], address) for name, address in given.items()}
    partitions = partitions_of(environ) or DEFAULT_PARTITIONS
    record = replace(
        Record.new(uid=os.geteuid(), event_partitions=partitions),
        ports={name: port for name, (_, port) in addresses.items()},
        pgpool="pgpool",
        settings=settings.read(environ),
    )
    authorities = environ.get("MESSAGING_OPERATOR_CA")
    return State(
        _FOLDER,
        record,
        hosts={name: host for name, (host, _) in addresses.items()},
        authorities=Path(authorities) if authorities else None,
    )


def _parted(variable: str, address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal()):
        raise StackError(f"{variable}={address!r} is no address: give host:port.")
    return host, int(port)
