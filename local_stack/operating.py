"""How an operator's commands reach a stack: as a user of their own, with few rights."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from local_stack import containers
from local_stack import state as states
from local_stack.credentials import read
from local_stack.errors import StackError
from local_stack.state import State
from runtime.settings import DatabaseSettings, RedisSettings, Secret

_ROLE = "operator"


def existing(environ: Mapping[str, str]) -> State:
    """Return the stack that `environ` names.

    Raises:
        StackError: There is none, or it is somebody else's.
    """
    contained = containers.state(environ)
    if contained is not None:
        return contained
    state = states.look(environ)
    if state is None:
        raise StackError(f"There is no stack in {states.folder_of(environ)}: run up first.")
    states.enter(environ)
    return state


def database(state: State) -> DatabaseSettings:
    """Return where the operator's database role connects: PGPool, which knows the primary."""
    server = "pgpool" if state.record.pgpool else "primary"
    trusted = state.authorities
    verified = f"?sslmode=verify-full&sslrootcert={quote(str(trusted))}" if trusted else ""
    return DatabaseSettings(
        url=f"postgresql+psycopg2://{_ROLE}@{state.address(server)}/messaging{verified}",
        password=Secret(read(state.credentials.database(_ROLE))),
    )


def database_at(state: State, server: str, role: str = _ROLE) -> DatabaseSettings:
    """Return where `role` connects to `server`, primary or replica, itself."""
    return DatabaseSettings(
        url=f"postgresql+psycopg2://{role}@127.0.0.1:{state.record.ports[server]}/messaging",
        password=Secret(read(state.credentials.database(role))),
    )


def queue(state: State) -> RedisSettings:
    """Return where the queue is opened and closed, as the workers do it."""
    return RedisSettings(
        url=f"redis://worker@127.0.0.1:{state.record.ports['redis']}/0",
        password=Secret(read(state.credentials.redis("worker"))),
    )


def redis(state: State) -> RedisSettings:
    """Return where the operator's ACL user finds Redis.

    Raises:
        StackError: The stack was last started by a release that had no such user.
    """
    path = state.credentials.redis(_ROLE)
    if not path.exists():
        raise StackError("Redis does not know the operator yet: run down and up first.")
    place = f"{_ROLE}@{state.address('redis')}/0"
    trusted = state.authorities
    return RedisSettings(
        url=f"rediss://{place}?ssl_ca_certs={quote(str(trusted))}"
        if trusted
        else f"redis://{place}",
        password=Secret(read(path)),
    )
