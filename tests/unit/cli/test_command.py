"""`messaging demo`: what it refuses before anything is sent, and the sample that comes with it."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.demo.chat_file import open_chat_file
from cli.demo.command import SAMPLE, demo
from cli.demo.errors import ChatFileError, DemoError
from cli.demo.outgoing import take_census


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_STATE", str(tmp_path / "state"))


def _demo(*arguments: str) -> Result:
    return CliRunner().invoke(demo, arguments)


def test_without_a_stack_the_mend_is_said() -> None:
    result = _demo()
    assert isinstance(result.exception, DemoError)
    assert "make up" in str(result.exception)


def test_a_bad_file_is_refused_whether_there_is_a_stack_or_not(tmp_path: Path) -> None:
    path = tmp_path / "chat"
    path.write_text("rubbish\n")
    assert isinstance(_demo("--file", str(path)).exception, ChatFileError)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat"
    path.touch()
    assert isinstance(_demo("--file", str(path)).exception, ChatFileError)


def test_lines_after_the_messages_wanted_are_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "chat"
    path.write_text('{"from": "a", "to": "b", "body": "c"}\nrubbish\n')
    result = _demo("--file", str(path), "--messages", "1")
    assert "make up" in str(result.exception)


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5"])
def test_a_number_of_messages_that_makes_no_sense_is_a_usage_error(number: str) -> None:
    assert _demo("--messages", number).exit_code == 2


def test_a_service_that_is_away_is_named() -> None:
    result = _demo("--url", "http://127.0.0.1:9")
    assert "Nothing answers at http://127.0.0.1:9" in str(result.exception)


def test_the_sample_holds_what_its_notice_says() -> None:
    sample = importlib.resources.files("cli.demo") / SAMPLE
    notice = sample.parent / "NOTICE.md"  # type: ignore[attr-defined]  # it is a path
    with importlib.resources.as_file(sample) as path, open_chat_file(path) as chat:
        census = take_census(chat.lines())
    people, pairs = len(census.people), len(census.pairs)
    told = notice.read_text(encoding="utf-8")
    assert f"{census.read} messages between {people} people in {pairs} conversations" in told
    assert census.renamed == 1
    for words in ("CC BY 4.0", "Kummerfeld", "ACL 2019", "irc-disentanglement"):
        assert words in told
