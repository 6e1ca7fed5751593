"""Starts and stops a whole stack; what an interrupted `up` left undone, the next one does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from local_stack import (
    contexts,
    credentials,
    files,
    leftovers,
    ports,
    postgres,
    promotion,
    readiness,
    services,
    settings,
    standby,
    waiting,
)
from local_stack import state as states
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.service import Service
from local_stack.state import State
from local_stack.supervisor import Supervisor

_PRIMARY_S = 120
_REPLICA_S = 15
_STOP_S = 90


class Reporter(Protocol):
    """Where `up` and `down` say what they do."""

    def step(self, text: str) -> None:
        """Say what is being done now."""

    def note(self, text: str) -> None:
        """Say what the user should know, to stay on the screen."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What belongs into the database; the rooms above know it."""

    # Makes the roles, again and again without harm.
    roles_sql: str
    # What must follow once the database went back to an earlier state.
    history_sql: str
    # Brings the schemas up to date; takes the address of the primary as role messaging_owner.
    migrate: Callable[[str], None]


def up(environ: Mapping[str, str], schema: Schema, report: Reporter) -> State:
    """Start the stack that `environ` asks for and return once it serves; harmless if it runs.

    Args:
        environ: The user's environment.
        schema: What belongs into the database.
        report: Is told what happens.

    Raises:
        StackError: It cannot start; the message says the mend.
    """
    folder = states.enter(environ)
    with states.locked(folder, report.step):
        state = states.make(folder, environ)
        supervisor = Supervisor(state)
        if supervisor.runs():
            _say_if_changed(state, environ, report)
            context = contexts.of(state, contexts.recorded_pgpool(state))
            services.check_known(context, {told.name for told in supervisor.services()})
            promotion.carry_on(context, supervisor, report)
        else:
            context = _begin(state, environ, supervisor, report)
        _start(context, supervisor, schema, report)
        readiness.wait(state, supervisor, report)
    return state


def _begin(
    state: State, environ: Mapping[str, str], supervisor: Supervisor, report: Reporter
) -> Context:
    """Start supervisor with all services stopped, everything that they need written."""
    report.step("Preparing")
    supervisor.shut_down()
    end_leftovers(state)
    _settle(state, environ)
    context = contexts.of(state, contexts.choose_pgpool(state, report))
    report.step("Writing secrets and configuration")
    state.credentials.make()
    services.prepare(context)
    supervisor.start(services.every(context))
    return context


def _settle(state: State, environ: Mapping[str, str]) -> None:
    """Decide ports and settings for the coming life."""
    made = settings.read(environ)
    port = states.port_of(environ, state.record.ports.get("nginx"))
    ports.check_public(port)
    record = replace(state.record, settings=made, ports={**state.record.ports, "nginx": port})
    state.save(record.with_free_ports())


def _say_if_changed(state: State, environ: Mapping[str, str], report: Reporter) -> None:
    made = settings.read(environ)
    port = states.port_of(environ, state.record.ports["nginx"])
    if made != state.record.settings or port != state.record.ports["nginx"]:
        report.note("It runs with other settings: `messaging down`, then `up`, to use these.")


def _start(context: Context, supervisor: Supervisor, schema: Schema, report: Reporter) -> None:
    members = services.every(context)
    running = {told.name for told in supervisor.services() if told.pid}
    for wave, names in _waves(members):
        missing = [name for name in names if name not in running]
        if missing:
            report.step("Starting " + ", ".join(missing))
        for name in missing:
            supervisor.start_service(name)
        if wave == 1:
            _prepare_database(context, schema, report, with_standby="replica" not in running)
        if "replica" in missing:
            # PGPool finds it at once then; without it everything works too, only later.
            waiting.until(lambda: postgres.serves(context, "replica"), _REPLICA_S)
    # From here on a restart of supervisor itself (SIGHUP) may start all at once.
    supervisor.configure(members, autostart=True)


def _waves(members: Iterable[Service]) -> list[tuple[int, list[str]]]:
    waves: dict[int, list[str]] = {}
    for service in members:
        waves.setdefault(service.wave, []).append(service.name)
    return sorted(waves.items())


def _prepare_database(
    context: Context, schema: Schema, report: Reporter, *, with_standby: bool
) -> None:
    promotion.finish(context, schema.history_sql)
    if not waiting.until(lambda: postgres.serves(context, "primary"), _PRIMARY_S):
        log = context.state.logs / "primary.log"
        raise StackError(f"The primary does not answer: see {log}, then run up again.")
    report.step("Setting up roles and replication")
    postgres.set_up_roles(context, schema.roles_sql)
    if with_standby:
        standby.make(context)
    report.step("Migrating the database")
    owner = "messaging_owner"
    password = credentials.read(context.credentials.database(owner))
    schema.migrate(postgres.url(context, owner, password=password))


def down(environ: Mapping[str, str], report: Reporter) -> bool:
    """Stop everything of the stack, data and secrets stay.

    Returns:
        Whether there was anything to stop.
    """
    if states.look(environ) is None:
        return False
    with states.locked(states.enter(environ), report.step):
        state = states.look(environ)
        if state is None:
            return False
        supervisor = Supervisor(state)
        if supervisor.runs():
            _stop(supervisor, report)
        report.step("Stopping what is left")
        stopped = supervisor.shut_down()
        stopped = end_leftovers(state) or stopped
        files.remove_tree(state.sockets)
        return stopped


def _stop(supervisor: Supervisor, report: Reporter) -> None:
    """Stop wave after wave, each at once: the servers go last, when nobody uses them any more."""
    waves = supervisor.waves()
    for _, names in sorted(waves.items(), reverse=True):
        report.step("Stopping " + ", ".join(names))
        for name in names:
            supervisor.stop_service(name)
        # Shutting down the supervisor kills what is left then.
        waiting.until(partial(_idle, supervisor, names), _STOP_S)


def _idle(supervisor: Supervisor, names: Iterable[str]) -> bool:
    return not any(told.pid for told in supervisor.services() if told.name in names)


def end_leftovers(state: State) -> bool:
    """End what killed services left behind; tell if there was any."""
    found = False
    for memory in sorted(state.run.glob("*.group")):
        found = leftovers.end(memory) or found
        memory.unlink(missing_ok=True)
    (state.run / "supervisor.pid").unlink(missing_ok=True)
    return found
