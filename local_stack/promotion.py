"""Promotion: the standby becomes the primary, the old primary is kept from coming back as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from local_stack import (
    contexts,
    data_folders,
    leftovers,
    operating,
    postgres,
    replication,
    standby,
    waiting,
)
from local_stack import state as states
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.supervisor import Supervisor

# Longer than supervisor waits before it kills a server.
_STOP_S = 75
_START_S = 120
_PROMOTE_S = 60


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On which terms a standby is promoted.

    Attributes:
        planned: Only if the standby has received all that the primary ever wrote.
        give_up: Even if the primary answers.
        check: Looks, with the primary stopped, at what the standby lacks; raises where that
            cannot be made good, and the primary is started again.
    """

    planned: bool
    give_up: bool
    check: Callable[[], None]


def promote(
    environ: Mapping[str, str], report: _Reporter, *, terms: Terms, history_sql: str
) -> bool:
    """Make the standby of the stack that `environ` names its primary; go on with one begun before.

    Args:
        environ: The user's environment.
        report: Is told what happens.
        terms: What must hold before.
        history_sql: What a superuser runs in the database after it went back, as plain SQL.

    Returns:
        Whether the new primary serves; False: nothing ran, and `up` will start it.

    Raises:
        StackError: It was not promoted; the message says the mend.
    """
    state = operating.existing(environ)
    with states.locked(state.folder, report.step):
        supervisor = Supervisor(state)
        context = contexts.of(state, contexts.recorded_pgpool(state))
        if not supervisor.runs():
            _exchange_stopped(context)
            return False
        base = postgres.folder(context)
        if not data_folders.promoting(base):
            _fence(context, supervisor, report, terms)
        carry_on(context, supervisor, report)
        report.step("Promoting the standby")
        supervisor.start_service("primary")
        finish(context, history_sql)
    return True


def carry_on(context: Context, supervisor: Supervisor, report: _Reporter) -> None:
    """Stop both servers and exchange their data, if a promotion is under way."""
    base = postgres.folder(context)
    if not data_folders.promoting(base):
        return
    if (base / data_folders.STANDBY).exists():
        report.step("Stopping the standby, to start it as the primary")
        stop(context, supervisor, "primary")
        stop(context, supervisor, "replica")
    data_folders.exchange(base)


def finish(context: Context, history_sql: str) -> None:
    """Let the server that was started on the standby's data take writes, if that is under way.

    Raises:
        StackError: It does not come up, or cannot be promoted; run the same again.
    """
    base = postgres.folder(context)
    if not data_folders.promoting(base):
        return
    if not waiting.until(lambda: postgres.in_recovery(context, "primary") is not None, _START_S):
        log = context.state.logs / "primary.log"
        raise StackError(f"The new primary does not answer: see {log}, then run the same again.")
    if postgres.in_recovery(context, "primary"):
        with postgres.superuser(context, "postgres") as cursor:
            cursor.execute("SELECT pg_promote(true, %s)", [_PROMOTE_S])
            if cursor.fetchone() != (True,):
                raise StackError(f"It was not promoted in {_PROMOTE_S} s: run the same again.")
    with postgres.superuser(context, postgres.DATABASE) as cursor:
        cursor.execute(history_sql)
    # The old primary, once rewound, follows from here.
    standby.keep_wal(context)
    data_folders.end_promotion(base)


def stop(context: Context, supervisor: Supervisor, name: str) -> None:
    """Stop server `name` and return when none of its processes is left.

    Raises:
        StackError: It does not end.
    """
    supervisor.stop_service(name)
    if not waiting.until(partial(_is_idle, supervisor, name), _STOP_S):
        raise StackError(f"The server {name} does not end: see messaging logs supervisor.")
    leftovers.end(context.state.run / f"{name}.group")


def _is_idle(supervisor: Supervisor, name: str) -> bool:
    return not any(told.pid for told in supervisor.services() if told.name == name)


def _exchange_stopped(context: Context) -> None:
    base = postgres.folder(context)
    if not data_folders.promoting(base):
        if (base / data_folders.PRIMARY).exists():
            raise StackError("Nothing runs, and the primary's data are there: run messaging up.")
        if not (base / data_folders.STANDBY).exists():
            raise StackError("There is no standby: restore a back-up with messaging restore.")
        data_folders.begin_promotion(base)
    data_folders.exchange(base)


def _fence(context: Context, supervisor: Supervisor, report: _Reporter, terms: Terms) -> None:
    """Stop the primary for good, or, where the terms are not met, only for a moment."""
    if not postgres.serves(context, "replica"):
        raise StackError("The standby does not answer, nothing was changed: messaging logs replica")
    _check_primary(context, terms)
    report.step("Stopping the primary")
    try:
        stop(context, supervisor, "primary")
        if terms.planned:
            replication.check_all_received(context)
        report.step("Waiting for the standby to apply what it received")
        replication.await_replay(context)
        terms.check()
        data_folders.begin_promotion(postgres.folder(context))
    except BaseException:
        supervisor.start_service("primary")
        raise


def _check_primary(context: Context, terms: Terms) -> None:
    alive = postgres.serves(context, "primary")
    if terms.planned and not alive:
        raise StackError("The primary does not answer: promote without --planned.")
    if terms.planned and not replication.follows(context):
        raise StackError("The standby does not follow the primary: messaging stack rejoin")
    if alive and not terms.planned and not terms.give_up:
        raise StackError(
            "The primary answers. To exchange the two without loss: --planned;"
            " to lose what only the primary has: --give-up."
        )
