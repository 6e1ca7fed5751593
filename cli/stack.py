"""`messaging up`, `down`, `status` and `logs`: the local stack."""

from __future__ import annotations

import importlib.resources
import json
import os

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status as Spinner
from rich.table import Table

from database.errors import reason_of
from local_stack import logs as stack_logs
from local_stack import stack
from local_stack import status as stack_status
from local_stack.errors import StackError
from local_stack.state import State

_CURL = r"""
for name in alice bob; do curl -s URL/auth/v1/register -H 'Content-Type: application/json' \
  -d "{\"username\":\"$name\",\"email\":\"$name@example.com\",\"password\":\"correct horse\"}"; done
TOKEN=$(curl -s URL/auth/v1/login -H 'Content-Type: application/json' \
  -d '{"username":"alice","password":"correct horse"}' \
  | grep -o '"access_token": *"[^"]*' | cut -d'"' -f4)
curl -s URL/command/v1/messages -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' -d '{"to":"bob","body":"Hello, Bob"}'
"""


class Screen:
    """Shows steps as a spinner on a terminal, as lines elsewhere; notes stay."""

    def __init__(self, console: Console, spinner: Spinner) -> None:
        self._console = console
        self._spinner = spinner
        self._said: set[str] = set()

    def step(self, text: str) -> None:
        """Show what is being done now."""
        self._spinner.update(escape(text))
        if not self._console.is_terminal and text not in self._said:
            self._said.add(text)
            self._console.print(text, markup=False, highlight=False)

    def note(self, text: str) -> None:
        """Show what the user should know."""
        self._console.print(text, style="yellow", markup=False, highlight=False)


@click.command()
def up() -> None:
    """Start everything on this machine; harmless if it runs."""
    console = Console(stderr=True, soft_wrap=True)
    with console.status("Starting") as spinner:
        state = stack.up(os.environ, schema(), Screen(console, spinner))
    _welcome(Console(soft_wrap=True), state)


def schema() -> stack.Schema:
    """Return what belongs into the database."""
    folder = importlib.resources.files("database")
    return stack.Schema(
        roles_sql=(folder / "roles.sql").read_text(encoding="utf-8"),
        history_sql=(folder / "history.sql").read_text(encoding="utf-8"),
        migrate=_migrate,
    )


def _migrate(url: str) -> None:
    # Imported here: they cost half a second, and `status` needs neither.
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from database import migrate  # noqa: PLC0415

    try:
        migrate.upgrade(url)
    except DBAPIError as error:
        reason = reason_of(error)
        raise StackError(f"The migration failed: {reason}: mend that and run up again.") from error


def _welcome(console: Console, state: State) -> None:
    url = state.url
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, text in (
        ("Start page", f"{url}/"),
        ("APIs", f"{url}/auth/v1/docs  {url}/command/v1/docs  {url}/query/v1/docs"),
        ("Flower", f"{url}/flower/  user operator, password in {state.credentials.flower}"),
        ("Ready", f"{url}/readyz"),
        ("Logs", f"{state.logs}  (messaging logs -f)"),
        ("Data", f"{state.servers}"),
    ):
        table.add_row(name, escape(text))
    console.print("[bold green]The messaging service is up.[/]")
    console.print(table)
    console.print("\nTry it:")
    console.print(_CURL.strip().replace("URL", url), markup=False, highlight=False)


@click.command()
def down() -> None:
    """Stop everything; data and secrets stay."""
    console = Console(stderr=True, soft_wrap=True)
    with console.status("Stopping") as spinner:
        stopped = stack.down(os.environ, Screen(console, spinner))
    Console().print("Stopped." if stopped else "Nothing was running.")


@click.command()
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a table.")
def status(*, as_json: bool) -> None:
    """List every process; exit code 0 if all run, else 1."""
    current = stack_status.of(os.environ)
    if as_json:
        click.echo(json.dumps(current.as_dict(), indent=2))
    else:
        _show(current)
    raise click.exceptions.Exit(0 if current.all_run else 1)


def _show(current: stack_status.Status) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("service", "state", "pid", "port", "since"):
        table.add_column(title)
    for service in current.services:
        style = "green" if service.state == "running" else "red"
        cells = (service.pid, service.port, service.since)
        table.add_row(
            service.name,
            f"[{style}]{service.state}[/]",
            *("" if cell is None else str(cell) for cell in cells),
        )
    console = Console()
    console.print(table)
    console.print(current.url, highlight=False)


@click.command()
@click.argument("name", required=False)
@click.option("-f", "follow", is_flag=True, help="Go on showing what is added.")
@click.option("-n", "lines", default=50, show_default=True, help="Lines of each log to start with.")
def logs(name: str | None, lines: int, *, follow: bool) -> None:
    """Show the log of service NAME, or all logs."""
    for line in stack_logs.read(os.environ, name, lines=lines, follow=follow):
        click.echo(line)
