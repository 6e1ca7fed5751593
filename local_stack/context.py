"""What the descriptions of the services are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local_stack.accounts import Account
from local_stack.binaries import Binaries
from local_stack.credentials import Credentials
from local_stack.state import State


@dataclass(frozen=True, kw_only=True)
class Context:
    """One stack about to be started.

    Attributes:
        state: Its folders and record.
        account: Who runs the servers that refuse root; none: the invoking user runs all.
        gateway: Who runs NGINX; none: the invoking user.
        binaries: Programs that these accounts can run.
        pgpool: The command that starts PGPool and its environment; none: there is no PGPool.
    """

    state: State
    account: Account | None
    gateway: Account | None
    binaries: Binaries
    pgpool: PgpoolProgram | None

    @property
    def credentials(self) -> Credentials:
        """The stack's secrets."""
        return self.state.credentials

    @property
    def settings(self) -> Mapping[str, str]:
        """What the user set in the environment for the services."""
        return self.state.record.settings

    def port(self, name: str) -> int:
        """Return where part `name` listens."""
        return self.state.record.ports[name]


@dataclass(frozen=True, kw_only=True)
class PgpoolProgram:
    """How to run PGPool: from the system, or from unpacked packages with their libraries."""

    path: str
    libraries: str = ""
