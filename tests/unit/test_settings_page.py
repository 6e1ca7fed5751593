"""What docs/settings.md tells is what the code does: asked of the classes, of `up`, of Compose."""

from __future__ import annotations

import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

from local_stack import settings
from local_stack.errors import StackError
from runtime.meanings import MEANINGS
from runtime.settings import Reader
from tests.unit.recording import Asked, RecordingReader, recorded
from tests.unit.settings_page import PAGE, page

pytestmark = pytest.mark.unit

_ROOT = Path(__file__).parents[2]
_TEXT = PAGE.read_text(encoding="utf-8")
_ROW = re.compile(r"\| (`[^|]*`) \|")
# Of Compose and of our shell scripts: what holds where a variable is not set.
_DEFAULT = re.compile(r"\$\{(MESSAGING_[A-Z0-9_]+):-([^${}]+)\}")
# Read by `up` itself: they say which stack.
_OF_UP = {"MESSAGING_STATE", "MESSAGING_PORT"}


def _rows() -> dict[str, str]:
    """Return each row of the page by each variable that it begins with."""
    return {
        name: row
        for row in _TEXT.splitlines()
        if (cell := _ROW.match(row))
        for name in re.findall(r"`(\w+)`", cell[1])
    }


def _asked() -> dict[str, Asked]:
    return {name: asked for process in recorded().values() for name, asked in process.items()}


def test_the_page_is_what_scripts_settings_writes() -> None:
    assert page(_TEXT) == _TEXT


def test_a_setting_without_a_meaning_is_refused() -> None:
    fewer = {**MEANINGS, "waiting": {"MESSAGING_WAIT_LIMIT": "requests that wait at once"}}
    with pytest.raises(ValueError, match="MESSAGING_WAIT_ACCOUNT_LIMIT"):
        page(_TEXT, fewer)


def test_a_meaning_without_a_setting_is_refused() -> None:
    more = {**MEANINGS, "waiting": {**MEANINGS["waiting"], "MESSAGING_PATIENCE": "a virtue"}}
    with pytest.raises(ValueError, match="MESSAGING_PATIENCE"):
        page(_TEXT, more)


def test_a_table_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="table service"):
        page("# Settings\n")


def test_whatever_a_reader_is_asked_for_is_noted() -> None:
    asking = {name for name, _ in inspect.getmembers(Reader, inspect.isfunction) if name[0] != "_"}
    assert asking <= set(vars(RecordingReader))


def test_what_is_asked_for_in_two_ways_is_refused() -> None:
    reader = RecordingReader({})
    reader.integer("MESSAGING_WAIT_LIMIT", 8)
    with pytest.raises(ValueError, match="MESSAGING_WAIT_LIMIT"):
        reader.integer("MESSAGING_WAIT_LIMIT", 9)


def _takes(name: str, value: int) -> bool:
    try:
        return settings.read({name: str(value)}) == {name: str(value)}
    except StackError:
        return False


def test_up_takes_the_numbers_that_their_service_takes() -> None:
    bounded = [
        (name, bound, beyond)
        for name, asked in _asked().items()
        for bound, beyond in ((asked.least, -1), (asked.most, +1))
        if name in settings.FORMS and bound is not None
    ]
    assert bounded
    assert [name for name, bound, _ in bounded if not _takes(name, bound)] == []
    assert [name for name, bound, beyond in bounded if _takes(name, bound + beyond)] == []


def test_up_is_said_to_take_what_it_takes() -> None:
    said = {name for name, row in _rows().items() if row.endswith("**up** |")}
    assert said == {*settings.FORMS, settings.PARTITIONS, *_OF_UP}


@pytest.mark.parametrize(
    "path",
    [*sorted(_ROOT.glob("docker-compose*.yml")), *sorted((_ROOT / "ops").rglob("*.sh"))],
    ids=lambda path: path.name,
)
def test_the_defaults_of_containers_are_those_of_the_page(path: Path) -> None:
    rows = _rows()
    for name, default in _DEFAULT.findall(path.read_text(encoding="utf-8")):
        shown = rf"(?<![\w.]){re.escape(default)}(?![\w.])"
        assert re.search(shown, re.sub(r"(?<=\d),(?=\d)", "", rows[name])), (name, default)


def test_every_row_is_in_a_table() -> None:
    for before, line in pairwise(_TEXT.splitlines()):
        if before.startswith("|"):
            assert not line or line.startswith("|"), line
        elif line.startswith("|"):
            assert not before, line
            assert not _ROW.match(line), line
