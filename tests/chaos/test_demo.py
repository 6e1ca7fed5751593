"""The demo loses and doubles nothing, whatever is killed while it runs."""

from __future__ import annotations

import importlib.resources
import json
import subprocess
import time
from pathlib import Path

import pytest

from cli.demo.command import SAMPLE
from tests.running_stack import MESSAGING, RunningStack

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(480)]

_MESSAGES = 4_000
_VICTIMS = (
    "command_api",
    "redis",
    "worker-1",
    "pgpool",
    "pgpool_watch",
    "query_api",
    "query_stream",
    "nginx",
    "primary",
    "replica",
    "auth_api",
    "worker-2",
    "beat",
    "flower",
)


@pytest.fixture
def long_chat(tmp_path: Path) -> Path:
    """Write the sample again and again, so that it takes long to send."""
    sample = (importlib.resources.files("cli.demo") / SAMPLE).read_text(encoding="utf-8")
    path = tmp_path / "long.jsonl"
    path.write_text(sample * (_MESSAGES // 400), encoding="utf-8")
    return path


def test_the_demo_outlives_every_process_killed_in_turn(
    fragile: RunningStack, long_chat: Path
) -> None:
    victims = [one["name"] for one in fragile.status()["services"]]
    assert set(victims) | {"pgpool", "pgpool_watch"} == set(_VICTIMS)
    left, retries = [name for name in _VICTIMS if name in victims], 0
    # A machine may be so fast that a demo ends before the last is killed: another one follows.
    while left:
        retries += demo_while_killing(left, fragile, long_chat)
    assert retries > 0
    fragile.wait_ready(120)


def demo_while_killing(left: list[str], fragile: RunningStack, long_chat: Path) -> int:
    """Run the demo, kill of those left who can be meanwhile; return how often it tried again."""
    command = [str(MESSAGING), "demo", "--json", "--file", str(long_chat)]
    with subprocess.Popen(
        command, env=fragile.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stderr is not None
        while "Sending messages" not in demo.stderr.readline():
            assert demo.poll() is None
        while left and demo.poll() is None:
            fragile.kill(left.pop(0))
            time.sleep(0.5)
        output, errors = demo.communicate(timeout=400)
    assert demo.returncode == 0, errors + output
    figures = json.loads(output)
    assert figures["problems"] == []
    assert figures["messages"]["accepted"] == figures["messages"]["visible"] == _MESSAGES
    retries: int = figures["retries"]
    return retries
