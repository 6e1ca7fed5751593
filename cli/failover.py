"""`messaging stack`: the servers' roles, and processes that are renewed one at a time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console

from cli import tails
from cli.asking import confirm
from cli.stack import Screen, schema
from cli.tails import Decided
from events.tail import Tail
from local_stack import contexts, operating, promotion, rejoining, replication, restarting
from local_stack.errors import StackError
from local_stack.promotion import Terms
from local_stack.state import State
from runtime.errors import MessagingError

_QUESTION = "Make the standby the primary, and keep the old primary from coming back as one?"
_DISCARD = "What only the replaced primary has is discarded. Go on?"


@click.group(name="stack", short_help="Change the servers' roles; restart our processes.")
def stack() -> None:
    """Change which server is the primary; restart our processes while people go on."""


@stack.command()
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def show(*, as_json: bool) -> None:
    """Tell how far the two servers are behind.

    Exit code 0: the standby follows. 1: it does not, or one of them does not answer.
    """
    state = operating.existing(os.environ)
    context = contexts.of(state, contexts.recorded_pgpool(state))
    told = {
        "follows": replication.follows(context),
        "lag_bytes": replication.lag_bytes(context),
        "primary_behind_events": _behind(state, "primary"),
        "replica_behind_events": _behind(state, "replica"),
        **_as_json(tails.decided(state)),
    }
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        for name, value in told.items():
            click.echo(f"{name:22} {value}")
    sys.exit(0 if told["follows"] else 1)


def _as_json(decided: Decided) -> dict[str, Any]:
    return {
        "parked": decided.parked,
        "paused_partitions": list(decided.paused),
        "returned_accounts": list(decided.returned_accounts),
    }


def _behind(state: State, server: str) -> int | None:
    try:
        return tails.behind(state, server).retained
    except MessagingError:
        return None


@stack.command()
@click.option("--planned", is_flag=True, help="The primary lives: exchange the two, lose nothing.")
@click.option("--give-up", is_flag=True, help="Promote although the primary answers.")
@click.option(
    "--accept-loss", is_flag=True, help="Promote although the queue lacks events for the standby."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def promote(*, planned: bool, give_up: bool, accept_loss: bool, yes: bool, as_json: bool) -> None:
    """Make the standby the primary.

    The old primary is stopped and its data set aside, so that it cannot come back as a second one.
    What the standby lacks of messages and the like, the queue gives it again. What it lacks of
    accounts and sessions is lost, unless --planned.

    Exit code 0: promoted, or, where nothing ran, ready for `messaging up`. 1: not promoted, the
    primary is as it was; or interrupted: run it again. 2: wrong usage.
    """
    if planned and (give_up or accept_loss):
        raise click.UsageError("--planned loses nothing: leave out --give-up and --accept-loss.")
    state = operating.existing(os.environ)
    if not yes:
        confirm(_QUESTION)
    seen = _Seen(tail=None)
    terms = Terms(
        planned=planned, give_up=give_up, check=_check(state, seen, accept_loss=accept_loss)
    )
    console = Console(stderr=True, soft_wrap=True)
    with console.status("Promoting") as spinner:
        screen = Screen(console, spinner)
        serves = promotion.promote(
            os.environ, screen, terms=terms, history_sql=schema().history_sql
        )
        caught_up = serves and tails.await_applied(state, screen)
    _tell(state, seen, serves=serves, caught_up=caught_up, as_json=as_json)


@dataclass(kw_only=True)
class _Seen:
    """What the check saw; None where there was none."""

    tail: Tail | None


def _check(state: State, seen: _Seen, *, accept_loss: bool) -> Callable[[], None]:
    def check() -> None:
        seen.tail = tails.behind(state, "replica")
        if seen.tail.missing and not accept_loss:
            raise StackError(
                f"{seen.tail.missing} events that the standby lacks are gone from the queue;"
                " nothing was changed: mend the primary, or lose them: --accept-loss."
            )

    return check


def _tell(state: State, seen: _Seen, *, serves: bool, caught_up: bool, as_json: bool) -> None:
    decided = tails.decided(state) if serves else Decided()
    tail = seen.tail or Tail(retained=0, missing=0)
    if as_json:
        told = {
            "serves": serves,
            "caught_up": caught_up,
            "events_applied_again": tail.retained,
            "events_lost": tail.missing,
            **_as_json(decided),
        }
        click.echo(json.dumps(told, indent=2))
        return
    if not serves:
        click.echo("The standby's data are the primary's now. Next: messaging up")
        return
    click.echo(f"The standby is the primary; {tail.retained} events were waiting for it.")
    if not caught_up:
        click.echo("It is still applying them: messaging logs worker-1")
    _tell_decided(decided)
    click.echo("Next: messaging stack rejoin")


def _tell_decided(decided: Decided) -> None:
    """Name what an operator may have to decide once more."""
    if decided.parked:
        click.echo(f"{decided.parked} events are parked: messaging events dead-letters list")
    for partition in decided.paused:
        click.echo(f"A partition is paused: messaging events resume {partition}")
    for name in decided.returned_accounts:
        click.echo(f"Deleted, but its account is back: messaging accounts delete {name}")


@stack.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def rejoin(*, yes: bool, as_json: bool) -> None:
    """Have a standby follow the primary again; harmless if one does.

    A replaced primary is rewound and follows. Where that cannot be, the primary is copied.

    Exit code 0: it follows. 1: it does not, or not confirmed. 2: wrong usage.
    """
    operating.existing(os.environ)
    if not yes:
        confirm(_DISCARD)
    console = Console(stderr=True, soft_wrap=True)
    with console.status("Rejoining") as spinner:
        done = rejoining.rejoin(os.environ, Screen(console, spinner))
    left = [str(path) for path in done.left]
    if as_json:
        click.echo(json.dumps({"how": done.how, "left": left}, indent=2))
        return
    how = {
        "follows": "The standby follows already.",
        "kept": "The standby follows again.",
        "rewound": "The replaced primary was rewound and follows.",
        "copied": "The primary was copied; the copy follows.",
    }
    click.echo(how[done.how])
    for path in left:
        click.echo(f"A replaced primary is left in {path}: remove it once it is not needed.")


@stack.command(short_help="Restart our processes one at a time; nobody is refused.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def restart(*, as_json: bool) -> None:
    """Restart APIs, workers, beat and Flower, one at a time, to run the code that is there now.

    Nobody is refused: requests end in the old processes, or wait a moment for the new ones.

    Exit code 0: restarted, all ready. 1: not, or not all.
    """
    console = Console(stderr=True, soft_wrap=True)
    with console.status("Restarting") as spinner:
        names = restarting.restart(os.environ, Screen(console, spinner))
    if as_json:
        click.echo(json.dumps({"restarted": names}, indent=2))
    else:
        click.echo("Restarted " + ", ".join(names))
