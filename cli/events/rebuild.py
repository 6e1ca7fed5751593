"""`messaging events rebuild`: makes the read model anew beside the live one, and swaps them."""

from __future__ import annotations

import json
from typing import Any

import click

from cli.asking import confirm
from cli.events import connections
from cli.events.running import rate_option, working
from runtime.clock import utc_now
from workers import rebuild as rebuilding
from workers import spares
from workers.alone import Engines
from workers.pace import Pace
from workers.rebuild import Rebuild, Rebuilt
from workers.spares import NEXT, OLD

_BATCH = 1_000
_SWAP = (
    "Rebuild the read model from {events:,} events and put it in place of the live one,"
    " which is kept as read_model_old{dropped}?"
)
_ROLL_BACK = "Bring read_model_old up to date and put it in place of the live read model?"
_DISCARD = "Drop read_model_next and read_model_old, as far as they are there?"


@click.command(short_help="Make the read model anew from the log, and swap.")
@click.option(
    "--jobs", type=click.IntRange(1, 16), default=2, show_default=True, help="Partitions at once."
)
@rate_option
@click.option("--restart", is_flag=True, help="Begin again, also where one was stopped.")
@click.option("--no-swap", is_flag=True, help="Only make it and compare; run again to swap.")
@click.option("--rollback", is_flag=True, help="Go back to the read model before the last swap.")
@click.option("--discard", is_flag=True, help="Drop the read models that are not live.")
@click.option("--dry-run", is_flag=True, help="Only count what is to be folded.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def rebuild(*, yes: bool, as_json: bool, **options: Any) -> None:
    """Fold the whole log into a new read model while the live one goes on, then swap them.

    Stopped or killed, it goes on where it was. What differs from the live read model is reported;
    the log is the truth, so the new one takes its place all the same. The old one is kept for
    --rollback, which brings it up to date first.

    Exit code 0: done. 1: not confirmed, it failed, or with --no-swap something differs.
    2: wrong usage. 130: stopped by Ctrl-C.
    """
    verbs = [name for name in ("rollback", "discard", "dry_run") if options[name]]
    if len(verbs) > 1 or (verbs and (options["restart"] or options["no_swap"])):
        raise click.UsageError("Give one of --rollback, --discard and --dry-run, alone.")
    found = connections.deriving(connections.stack(), options["jobs"])
    if options["dry_run"]:
        _count(found, as_json=as_json)
        return
    if not yes and not options["no_swap"]:
        confirm(_question(found, options))
    with working(options["rate"], quiet=as_json) as (pace, _):
        if options["discard"]:
            _show_discarded(rebuilding.discard(found), as_json=as_json)
            return
        rebuilt = _run(found, pace, options)
    _show(rebuilt, as_json=as_json)
    if not rebuilt.swapped and not rebuilt.compared.is_equal:
        raise click.exceptions.Exit(1)


def _run(found: Engines, pace: Pace, options: dict[str, Any]) -> Rebuilt:
    work = Rebuild(
        found,
        pace=pace,
        clock=utc_now,
        jobs=options["jobs"],
        batch_size=pace.portion(_BATCH),
    )
    if options["rollback"]:
        return work.roll_back()
    return work.run(restart=options["restart"], swap=not options["no_swap"])


def _question(found: Engines, options: dict[str, Any]) -> str:
    if options["rollback"]:
        return _ROLL_BACK
    if options["discard"]:
        return _DISCARD
    with found.operator.connect() as connection:
        dropped = OLD in spares.existing(connection)
        events = rebuilding.left_to_fold(connection)
    return _SWAP.format(
        events=events, dropped="; the one kept so far is dropped" if dropped else ""
    )


def _count(found: Engines, *, as_json: bool) -> None:
    with found.operator.connect() as connection:
        shown = {
            "events": rebuilding.left_to_fold(connection),
            "begun": NEXT in spares.existing(connection),
            "kept": OLD in spares.existing(connection),
        }
    if as_json:
        click.echo(json.dumps(shown))
        return
    click.echo(f"{shown['events']:,} events to fold.")
    if shown["begun"]:
        click.echo("A rebuild was begun: it would go on.")
    if shown["kept"]:
        click.echo("A read model is kept for --rollback: the swap would drop it.")


def _show_discarded(names: set[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"dropped": sorted(names)}))
    else:
        click.echo(f"Dropped: {', '.join(sorted(names)) or 'nothing was there'}.")


def _show(rebuilt: Rebuilt, *, as_json: bool) -> None:
    compared, swapped = rebuilt.compared, rebuilt.swapped
    shown = {
        "resumed": rebuilt.resumed,
        "events": rebuilt.events,
        "seconds": round(rebuilt.seconds, 3),
        "differing_conversations": compared.conversations,
        "low_revisions": compared.revisions,
        "examples": [str(conversation) for conversation in compared.examples],
        "swap_ms": swapped and round(swapped.swap_ms, 1),
        "projection_held_ms": swapped and round(swapped.held_ms, 1),
    }
    if as_json:
        click.echo(json.dumps(shown))
        return
    click.echo(f"Folded {rebuilt.events:,} events in {rebuilt.seconds:.1f} s.")
    if compared.is_equal:
        click.echo("The live read model was the same.")
    else:
        click.echo(f"The live read model differed: {_differed(rebuilt)}.")
    if swapped:
        click.echo(
            f"Swapped in {swapped.swap_ms:.1f} ms; projection waited {swapped.held_ms:.1f} ms."
        )


def _differed(rebuilt: Rebuilt) -> str:
    compared = rebuilt.compared
    parts = [f"{count:,} conversations in {name}" for name, count in compared.conversations.items()]
    if compared.revisions:
        parts.append(f"{compared.revisions:,} revisions")
    return ", ".join(parts) + "".join(f"\n  {each}" for each in compared.examples)
