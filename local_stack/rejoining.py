"""Rejoining: a standby that was lost, or a primary that was replaced, follows the primary again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from local_stack import (
    contexts,
    data_folders,
    operating,
    postgres,
    promotion,
    replication,
    standby,
    waiting,
)
from local_stack import state as states
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.supervisor import Supervisor

_FOLLOW_S = 60


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Rejoined:
    """How the standby came to follow, and which folders of replaced primaries are left."""

    how: Literal["follows", "kept", "rewound", "copied"]
    left: list[Path]


def rejoin(environ: Mapping[str, str], report: _Reporter) -> Rejoined:
    """Have a standby follow the primary of the stack that `environ` names; harmless if one does.

    A replaced primary is rewound: what only it had is gone then. Where that cannot be, or there is
    none, the primary is copied.

    Raises:
        StackError: The stack or its primary does not run, or the standby does not come to follow.
    """
    state = operating.existing(environ)
    with states.locked(state.folder, report.step):
        supervisor = Supervisor(state)
        if not supervisor.runs():
            raise StackError("Nothing runs: run messaging up first.")
        context = contexts.of(state, contexts.recorded_pgpool(state))
        base = postgres.folder(context)
        if data_folders.promoting(base):
            raise StackError("A promotion is under way: run messaging stack promote again.")
        if not postgres.serves(context, "primary"):
            raise StackError("The primary does not answer: messaging logs primary")
        if replication.follows(context):
            return Rejoined(how="follows", left=data_folders.replaced(base))
        how = _make(context, supervisor, report)
        return Rejoined(how=how, left=data_folders.replaced(base))


def _make(context: Context, supervisor: Supervisor, report: _Reporter) -> standby.Made:
    promotion.stop(context, supervisor, "replica")
    old = data_folders.replaced(postgres.folder(context))
    report.step("Making the standby")
    how = standby.make(context, rewind=old[0] if old else None)
    if _comes_to_follow(context, supervisor, report):
        return how
    if how != "copied":
        # It was thought that it could catch up.
        promotion.stop(context, supervisor, "replica")
        report.step("Copying the primary")
        standby.copy(context)
        if _comes_to_follow(context, supervisor, report):
            return "copied"
    raise StackError(f"The standby does not follow after {_FOLLOW_S} s: messaging logs replica")


def _comes_to_follow(context: Context, supervisor: Supervisor, report: _Reporter) -> bool:
    report.step("Waiting for the standby to follow")
    supervisor.start_service("replica")
    return waiting.until(lambda: replication.follows(context), _FOLLOW_S)
