"""The table at the end."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tests.chaos.suite.runner import Result


def show(result: Result, console: Console) -> None:
    """Print faults and outages by kind, then what became of the messages."""
    table = Table("fault", "times", "commands", "queries", title="Longest time without an answer")
    for outage in result.outages:
        table.add_row(
            outage.kind,
            str(outage.strikes),
            f"{outage.commands_s:.1f} s",
            f"{outage.queries_s:.1f} s",
        )
    for kind, reason in result.skipped.items():
        table.add_row(kind, "0", "skipped:", reason)
    console.print(table)
    messages = Table("messages", "count", title=f"{result.seconds:.0f} s")
    faults = sum(outage.strikes for outage in result.outages)
    messages.add_row("faults", f"{faults:,}")
    for name, value in vars(result.findings).items():
        messages.add_row(name, f"{value:,}")
    console.print(messages)
    for failure in result.failures:
        console.print(f"FAILED: {failure}", markup=False)
