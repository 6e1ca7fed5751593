"""The tables of docs/settings.md, asked of the settings classes; `scripts/settings` writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from local_stack import settings as handed_on
from runtime.meanings import MEANINGS, Table
from tests.unit.recording import Asked, recorded

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
_HEAD = "| variable | read by | value | default | meaning | |\n|---|---|---|---|---|---|\n"
_APIS = ["auth_api", "command_api", "query_api"]
_CELERY = ["workers", "beat", "flower"]
# Query_api's other process reads what it reads.
_UNTOLD = {"query_stream"}


def page(present: str, tables: Mapping[Table, Mapping[str, str]] = MEANINGS) -> str:
    """Return the page `present` with its tables as they should be.

    Raises:
        ValueError: A setting has no meaning, a meaning no setting, or a table no place.
    """
    asked = _by_name()
    meant = [name for meanings in tables.values() for name in meanings]
    if sorted(meant) != sorted(asked):
        raise ValueError(f"without meaning or setting, or twice: {set(meant) ^ set(asked)}")
    for table, meanings in tables.items():
        rows = "".join(_row(name, meaning, asked[name]) for name, meaning in meanings.items())
        present = _put(present, table, f"{_HEAD}{rows}")
    return present


def _by_name() -> dict[str, dict[str, Asked]]:
    found: dict[str, dict[str, Asked]] = {}
    for process, settings in recorded().items():
        for name, asked in settings.items():
            found.setdefault(name, {})[process] = asked
    return found


def _row(name: str, meaning: str, asked: Mapping[str, Asked]) -> str:
    (kind,) = {each.kind for each in asked.values()}
    by_up = "**up** " if name in (*handed_on.FORMS, handed_on.PARTITIONS) else ""
    cells = (f"`{name}`", _readers(list(asked)), kind, _default(asked), meaning)
    return f"| {' | '.join(cells)} | {by_up}|\n"


def _readers(processes: list[str]) -> str:
    readers = [process for process in processes if process not in _UNTOLD]
    if readers == [*_APIS, *_CELERY]:
        return "all"
    if readers[:3] == _APIS:
        readers[:3] = ["the three APIs"]
    return ", ".join(readers)


def _default(asked: Mapping[str, Asked]) -> str:
    by_value: dict[str, list[str]] = {}
    for process, each in asked.items():
        by_value.setdefault(_shown(each.default), []).append(process)
    if len(by_value) == 1:
        return next(iter(by_value))
    return ", ".join(
        value if len(processes) > 1 else f"{value} ({processes[0]})"
        for value, processes in by_value.items()
    )


def _shown(default: str | int | None) -> str:
    if default is None:
        return "must be set"
    if isinstance(default, int):
        return f"{default:,}"
    return default if default == "none" else f"`{default}`"


def _put(text: str, name: Table, table: str) -> str:
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    made, found = place.subn(lambda _: f"{begin}\n{table}\n{end}", text)
    if found != 1:
        raise ValueError(f"the page has {found} places for the table {name}")
    return made


def main() -> None:
    """Write the tables into the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
