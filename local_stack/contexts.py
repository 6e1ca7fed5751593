"""Makes the context of a stack: who runs what, with which programs."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Protocol

from local_stack import accounts, binaries, pgpool_package
from local_stack.context import Context, PgpoolProgram
from local_stack.state import State

# How long to leave apt alone after it could not get PGPool.
_MISSED_PAUSE_S = 3600


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...


def of(state: State, pgpool: PgpoolProgram | None) -> Context:
    """Return what the services of `state` are described from, with PGPool as `pgpool` says."""
    account = accounts.for_servers()
    return Context(
        state=state,
        account=account,
        gateway=accounts.for_gateway(),
        binaries=binaries.find(account, state.servers / "programs"),
        pgpool=pgpool,
    )


def recorded_pgpool(state: State) -> PgpoolProgram | None:
    """Return the PGPool that `state` was last started with; None where there was none."""
    record = state.record
    return (
        PgpoolProgram(path=record.pgpool, libraries=record.pgpool_libraries)
        if record.pgpool
        else None
    )


def choose_pgpool(state: State, report: _Reporter) -> PgpoolProgram | None:
    """Return the PGPool to start `state` with, fetched and remembered; None where there is none."""
    account = accounts.for_servers()
    cache = pgpool_package.cache(dict(os.environ))
    found = pgpool_package.installed(account) or pgpool_package.unpacked(cache, account)
    record = state.record
    why = "see `up` of an hour ago"
    if found is None and time.time() - record.pgpool_missed > _MISSED_PAUSE_S:
        report.step("Fetching PGPool from the system's package source")
        why = pgpool_package.unpack(cache)
        found = pgpool_package.unpacked(cache, account)
        record = replace(record, pgpool_missed=0 if found else time.time())
    if found is None:
        report.note(
            f"No PGPool here ({why}): reads go straight to the replica, writes to the primary."
            " To have it: apt-get install pgpool2, then messaging down and up."
        )
    path, libraries = (found.path, found.libraries) if found else ("", "")
    state.save(replace(record, pgpool=path, pgpool_libraries=libraries))
    return found
