"""`messaging demo` against a running stack: all is accepted, visible, in order, shown to both."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running_stack import MESSAGING, RunningStack

pytestmark = pytest.mark.stack


def _demo(stack: RunningStack, *arguments: str) -> dict[str, Any]:
    done = stack.messaging("demo", "--json", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@pytest.fixture
def names() -> tuple[str, str]:
    """Return two people whom no other test knows."""
    suffix = secrets.token_hex(4)
    return f"ann-{suffix}", f"bob-{suffix}"


@pytest.fixture
def chat(tmp_path: Path, names: tuple[str, str]) -> Path:
    """Write a chat of these two, with everything that is odd."""
    ann, bob = names
    spoken = [
        (ann, bob, "hello [bold]you[/bold]"),
        (bob.upper(), ann, "hi \x1b[31mred"),
        (ann, ann.upper(), "to myself"),
        (ann, bob, ""),
        (f"{ann} away", bob, "x" * 12_000),
        (ann, bob, "\u00e9" * 10_000),
    ]
    path = tmp_path / "chat.jsonl"
    lines = (json.dumps(dict(zip(("from", "to", "body"), one, strict=True))) for one in spoken)
    path.write_text("\n".join(lines))
    return path


def test_the_sample_arrives_twice_in_order_without_gaps(stack: RunningStack) -> None:
    first, second = _demo(stack), _demo(stack)
    for figures in (first, second):
        assert figures["ok"]
        assert figures["messages"]["accepted"] == figures["messages"]["visible"] == 400
    assert second["registered"] == 0
    one, other = second["conversation"]
    assert (one["username"], one["peer"]) == (other["peer"], other["username"])
    assert one["last_position"] == other["last_position"] == 2 * 79
    assert one["unread"] + other["unread"] == 2 * 79


def test_what_is_odd_in_a_file_is_counted(stack: RunningStack, chat: Path) -> None:
    figures = _demo(stack, "--file", str(chat))
    assert figures["messages"] == {
        "read": 6,
        "accepted": 4,
        "visible": 4,
        "shortened": 1,
        "skipped": {"to_self": 1, "empty": 1, "unstorable": 0},
    }
    assert (figures["nicknames"], figures["people"], figures["renamed"]) == (4, 3, 1)


def test_the_conversation_is_shown_as_both_see_it(
    stack: RunningStack, chat: Path, names: tuple[str, str]
) -> None:
    ann, bob = names
    done = stack.messaging("demo", "--file", str(chat), "--messages", "2", COLUMNS="100")
    assert done.returncode == 0, done.stderr
    for text in (
        "all 2 visible exactly once",
        f"As {ann} sees it",
        f"As {bob} sees it",
        f"Unread: 1 from {bob}, 1 from all",
        f"Unread: 1 from {ann}, 1 from all",
        "hello [bold]you[/bold]",
    ):
        assert text in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_two_short_demos_in_a_row_are_not_taken_for_doubles(
    stack: RunningStack, chat: Path
) -> None:
    for _ in range(3):
        assert _demo(stack, "--file", str(chat), "--messages", "2")["problems"] == []


def test_a_name_that_a_stranger_has_is_left_alone(
    stack: RunningStack, chat: Path, names: tuple[str, str]
) -> None:
    ann, _ = names
    body = {"username": ann, "email": f"{ann}@example.org", "password": "correct horse"}
    assert httpx.post(f"{stack.url}/auth/v1/register", json=body).status_code == 201
    figures = _demo(stack, "--file", str(chat), "--messages", "2")
    assert figures["ok"]
    assert ann not in {view["username"] for view in figures["conversation"]}


def test_secrets_are_kept_private_and_printed_nowhere(stack: RunningStack, chat: Path) -> None:
    done = stack.messaging("demo", "--file", str(chat))
    kept = stack.state / "demo"
    assert {path.stat().st_mode & 0o077 for path in kept.iterdir()} == {0}
    assert (kept / "secret").read_text() not in done.stdout + done.stderr


def test_a_bad_file_is_one_line(stack: RunningStack, tmp_path: Path) -> None:
    path = tmp_path / "chat"
    path.write_text('{"from": "a", "to": "b", "body": 3}')
    done = stack.messaging("demo", "--file", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: {path}: line 1 has a number as 'body', not a string.\n"


@pytest.fixture
def endless(tmp_path: Path, names: tuple[str, str]) -> Path:
    """Write a chat that takes long to send."""
    line = json.dumps({"from": names[0], "to": names[1], "body": "on and on"}) + "\n"
    path = tmp_path / "endless.jsonl"
    path.write_text(line * 100_000)
    return path


def test_ctrl_c_ends_it_with_one_line(stack: RunningStack, endless: Path) -> None:
    command = [str(MESSAGING), "demo", "--file", str(endless)]
    with subprocess.Popen(
        command, env=stack.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while "Sending messages" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, output) == (130, "")
    last = errors.splitlines()[-1]
    assert last.startswith("Stopped; ")
    assert last.endswith(" messages had been accepted.")
    assert "Traceback" not in errors
