"""Gives a running stack more partitions: acceptance pauses, reads go on, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from local_stack import contexts, operating, readiness, replication, restarting, waiting
from local_stack import state as states
from local_stack.errors import StackError
from local_stack.state import State
from local_stack.supervisor import Supervisor

_DRAIN_S = 300
_REPLICATE_S = 600
# Who appends, and who looks after the queue by its number of partitions.
_APPENDS = ("command_api",)
_BEATS = ("beat",)
_APPLIES = ("worker-1", "worker-2", "flower")


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What is done to queue and database, which the rooms above know.

    Attributes:
        check: Raises where the number cannot be changed now.
        left: Tells how many events wait to be applied.
        move: Closes the queue and moves the database; returns how many events were moved.
        replicated: Tells whether the standby knows the new number.
    """

    check: Callable[[], None]
    left: Callable[[], int]
    move: Callable[[], int]
    replicated: Callable[[], bool]


def repartition(environ: Mapping[str, str], count: int, report: _Reporter, *, steps: Steps) -> int:
    """Have the running stack that `environ` names use `count` partitions; return the events moved.

    Args:
        environ: The user's environment.
        count: How many, more than before; the same completes what was interrupted.
        report: Is told what happens.
        steps: What is done to queue and database.

    Raises:
        StackError: It was not done, and all goes on as before; or it was, but is not ready yet.
    """
    state = operating.existing(environ)
    with states.locked(state.folder, report.step):
        supervisor = Supervisor(state)
        if not supervisor.runs():
            raise StackError("Nothing runs: run messaging up first.")
        # A standby that knew only the old number could never be promoted.
        if not replication.follows(contexts.of(state, contexts.recorded_pgpool(state))):
            raise StackError("The standby does not follow: messaging stack rejoin")
        steps.check()
        try:
            moved = _move(state, supervisor, report, steps)
            state.save(replace(state.record, event_partitions=count))
        finally:
            restarting.start(state, supervisor, (*_BEATS, *_APPLIES, *_APPENDS))
        readiness.wait(state, supervisor, report)
        report.step("Waiting for the standby")
        if not waiting.until(steps.replicated, _REPLICATE_S):
            raise StackError("The standby does not know the new number: messaging stack rejoin")
    return moved


def _move(state: State, supervisor: Supervisor, report: _Reporter, steps: Steps) -> int:
    report.step("Refusing commands until it is done")
    restarting.stop(state, supervisor, _APPENDS)
    report.step("Waiting until all that was accepted is applied")
    # Sweeps ring what is behind, but append too: the last ones without beat.
    for ended in ((), _BEATS):
        restarting.stop(state, supervisor, ended)
        if not waiting.until(lambda: steps.left() == 0, _DRAIN_S):
            raise StackError(f"{steps.left()} events still wait: see messaging events queues.")
    restarting.stop(state, supervisor, _APPLIES)
    if steps.left():
        raise StackError("A sweep has queued something meanwhile: run the same again.")
    report.step("Moving events to their new partitions")
    return steps.move()
