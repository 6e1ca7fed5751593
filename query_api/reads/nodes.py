"""What PGPool says of itself and of the two nodes behind it, for readiness."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import psycopg2.errors
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from runtime.errors import UnavailableError
from runtime.exposition import Sample

Role = Literal["primary", "standby"]
Node = Mapping[str, str]
# PGPool looks at each node before it tells of them: one that hangs makes it hang.
_PATIENCE_S = 1.5
_KEPT_S = 0.5


class Nodes:
    """Asks PGPool for its nodes; each check returns where ready and raises where not.

    One asks at a time, for all that want to know: checks must not take up connections.
    """

    def __init__(self, engine: Engine) -> None:
        """Ask through `engine`, which is connected to PGPool or, without one, to the standby."""
        self._engine = engine
        self._asking = threading.Lock()
        self._told: Sequence[Node] | None = None
        self._told_at = float("-inf")

    def pgpool(self) -> None:
        """Return if PGPool answers.

        Raises:
            UnavailableError: It does not.
        """
        self._nodes()

    def primary(self) -> None:
        """Return if a primary is there; see `pgpool`."""
        self._expect("primary")

    def replica(self) -> None:
        """Return if a standby is there and follows the primary; see `pgpool`."""
        self._expect("standby")

    def samples(self) -> Iterator[Sample]:
        """Return how much of the primary's log the standby has still to replay; see `pgpool`."""
        for node in self._nodes() or ():
            behind = node.get("replication_delay", "")
            # PGPool can be told to give seconds instead, with their unit.
            if node["role"] == "standby" and behind.isdigit():
                yield Sample("messaging_replica_lag_bytes", int(behind))

    def _expect(self, role: Role) -> None:
        nodes = self._nodes()
        # Without PGPool the connection itself is to the standby, and it answered.
        if nodes is None or any(_is_ready(node) for node in nodes if node["role"] == role):
            return
        states = ", ".join(_state(node) for node in nodes if node["role"] == role)
        raise UnavailableError(f"No {role} is ready: {states or 'PGPool knows none'}.")

    def _nodes(self) -> Sequence[Node] | None:
        """Return one mapping a node, lately told; None where no PGPool is between."""
        if not self._asking.acquire(timeout=_PATIENCE_S):
            raise UnavailableError("PGPool does not tell its nodes: one of them may hang.")
        try:
            if time.monotonic() - self._told_at > _KEPT_S:
                self._told, self._told_at = self._ask(), time.monotonic()
            return self._told
        finally:
            self._asking.release()

    def _ask(self) -> Sequence[Node] | None:
        try:
            with self._engine.connect() as connection:
                # Each time another one: a kept one answers when PGPool takes no new ones any more.
                connection.detach()
                rows = connection.exec_driver_sql("SHOW POOL_NODES")
                return [{str(key): str(row[key]) for key in row} for row in rows.mappings()]
        except ProgrammingError as error:
            if isinstance(error.orig, psycopg2.errors.UndefinedObject):
                return None
            raise UnavailableError("PGPool does not tell its nodes.") from error
        except SQLAlchemyError as error:
            raise UnavailableError("PGPool does not answer.") from error


def _is_ready(node: Node) -> bool:
    # `waiting` is up, with no connection made yet; only a standby has a replication state.
    return (
        node["status"] in {"up", "waiting"}
        and node["pg_status"] == "up"
        and node["replication_state"] in {"", "streaming"}
    )


def _state(node: Node) -> str:
    following = node["replication_state"] or "not streaming"
    suffix = f", {following}" if node["role"] == "standby" else ""
    return f"PGPool has it {node['status']}, itself {node['pg_status']}{suffix}"
