"""`make chaos`: breaks a stack of its own, and prints what became of every message."""

from __future__ import annotations

import secrets
import sys

import click
from rich.console import Console

from tests.chaos.suite.faults import KINDS
from tests.chaos.suite.report import show
from tests.chaos.suite.runner import Plan, armed, run, schedule
from tests.running_stack import CANARIES, running_stack


@click.command()
@click.option("--messages", default=100_000, show_default=True, envvar="MESSAGES")
@click.option("--faults", default=200, show_default=True, envvar="FAULTS")
@click.option("--seed", type=int, envvar="SEED", help="Of an earlier run, to strike alike.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)))
def main(messages: int, faults: int, seed: int | None, kinds: tuple[str, ...]) -> None:
    """Send under faults; exit with 1 if a promise was broken."""
    console = Console()
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    console.print(f"SEED={seed}")
    chosen = schedule(faults, seed, list(kinds or KINDS))
    plan = Plan(messages=messages, faults=chosen, seed=seed)
    with running_stack(**CANARIES) as stack, armed(stack) as victim:
        result = run(victim, plan, lambda line: console.print(line, markup=False, highlight=False))
    show(result, console)
    sys.exit(0 if result.findings.is_sound and not result.failures else 1)


if __name__ == "__main__":
    main()
