"""Shows the outcome on a terminal: the figures, and a conversation as its two people see it."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from cli.demo.outgoing import Fate
from cli.demo.report import Report
from cli.demo.views import Line, View

_LONGEST_BODY = 100
_WIDE = 150
_MOST_PROBLEMS = 10
_FATES: dict[Fate, str] = {
    "to_self": "to oneself skipped",
    "empty": "empty ones skipped",
    "unstorable": "with NUL or half characters skipped",
    "shortened": "cut to 10,000 characters",
}


def show(report: Report, console: Console) -> None:
    """Print the figures, what is wrong if anything, and the two views."""
    console.print(_figures(report))
    problems = report.outcome.problems
    for problem in problems[:_MOST_PROBLEMS]:
        console.print(Text(problem, style="red"))
    if len(problems) > _MOST_PROBLEMS:
        console.print(Text(f"and {len(problems) - _MOST_PROBLEMS:,} more", style="red"))
    if report.outcome.views:
        console.print()
        _show_views(report.outcome.views, console)


def _figures(report: Report) -> Table:
    census, outcome = report.census, report.outcome
    seconds = outcome.seconds
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan")
    table.add_column()
    table.add_row("file", Text(f"{report.file}: {census.read:,} messages{_left_out(report)}"))
    table.add_row("people", Text(_people(report)))
    table.add_row("conversations", f"{len(census.pairs):,}")
    table.add_row(
        "accepted",
        f"{outcome.accepted:,} messages, {outcome.per_second:,.0f}/s{_tried_again(report)}",
    )
    table.add_row("visible", f"all after {seconds['until_visible']:.2f} s more")
    table.add_row("verified", _verdict(report))
    return table


def _left_out(report: Report) -> str:
    counted = ((report.census.fates[fate], text) for fate, text in _FATES.items())
    parts = [f"{count:,} {text}" for count, text in counted if count]
    return f" ({', '.join(parts)})" if parts else ""


def _people(report: Report) -> str:
    census = report.census
    merged = len(census.nicknames) - len(census.people)
    parts = [
        f"{len(census.people):,}",
        f"{report.outcome.registered:,} registered now",
        f"{len(census.senders):,} of them write",
    ]
    if merged:
        parts.append(f"nicknames that differ in case alone: {merged:,}")
    if census.renamed:
        parts.append(f"nicknames changed into usernames: {census.renamed:,}")
    return "; ".join(parts)


def _tried_again(report: Report) -> str:
    parts = []
    if report.retries:
        parts.append(f"{report.retries:,} attempts repeated because the service was away")
    if report.limited:
        parts.append(f"{report.limited:,} held up by a rate limit")
    return f" ({'; '.join(parts)})" if parts else ""


def _verdict(report: Report) -> Text:
    outcome = report.outcome
    if outcome.is_good:
        return Text(
            f"all {outcome.visible:,} visible exactly once, each conversation in order,"
            " positions without gaps",
            style="bold green",
        )
    return Text(
        f"{outcome.visible:,} of {outcome.accepted:,} visible, {len(outcome.problems):,} problems",
        style="bold red",
    )


def _show_views(views: tuple[View, ...], console: Console) -> None:
    shown = [_view(view) for view in views]
    if console.width >= _WIDE:
        grid = Table.grid(padding=(0, 3), expand=True)
        for _ in shown:
            grid.add_column(ratio=1)
        grid.add_row(*shown)
        console.print(grid)
        return
    for one in shown:
        console.print(one)
        console.print()


def _view(view: View) -> Group:
    title = Text.assemble("As ", (view.username, "bold"), " sees it", style="cyan")
    unread = Text(
        f"Unread: {view.unread:,} from {view.peer},"
        f" {view.unread_in_all:,} from all (conversations: {view.unread_conversations:,})"
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("time", no_wrap=True)
    table.add_column("from", no_wrap=True, max_width=20)
    table.add_column("", no_wrap=True)
    # The only one that may get narrower than its content.
    table.add_column("body")
    for line in view.lines:
        table.add_row(*_cells(line, view))
    earlier = view.last_position - len(view.lines)
    before = [Text(f"… after {earlier:,} earlier", style="dim")] if earlier > 0 else []
    return Group(title, unread, *before, table)


def _cells(line: Line, view: View) -> tuple[Text, ...]:
    style = "green" if line.sender == view.username else ""
    moment = datetime.fromisoformat(line.sent_at)
    return (
        Text(str(line.position), style="dim"),
        Text(moment.strftime("%H:%M:%S")),
        Text(line.sender, style=style),
        Text("new" if line.unread else "", style="yellow"),
        Text(
            _printable(line.body),
            style="bold" if line.unread else "",
            overflow="ellipsis",
            no_wrap=True,
        ),
    )


def _printable(body: str) -> str:
    """Return the start of a body on one line, without what would command the terminal."""
    shown = "".join(char if char.isprintable() else " " for char in body[: 2 * _LONGEST_BODY])
    line = " ".join(shown.split())
    return line if len(line) <= _LONGEST_BODY else line[: _LONGEST_BODY - 1] + "…"
