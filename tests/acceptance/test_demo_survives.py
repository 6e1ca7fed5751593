"""The demo loses and doubles nothing, whatever is killed while it runs."""

from __future__ import annotations

import importlib.resources
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.demo.command import SAMPLE
from tests.running_stack import MESSAGING, RunningStack, running_stack

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(480)]

_MESSAGES = 6_000
_VICTIMS = (
    "command_api",
    "redis",
    "worker-1",
    "pgpool",
    "query_api",
    "nginx",
    "primary",
    "replica",
    "auth_api",
    "worker-2",
    "beat",
    "flower",
)


@pytest.fixture
def own_stack() -> Iterator[RunningStack]:
    """A stack that nobody else needs."""
    with running_stack() as stack:
        yield stack


@pytest.fixture
def long_chat(tmp_path: Path) -> Path:
    """Write the sample again and again, so that it takes long to send."""
    sample = (importlib.resources.files("cli.demo") / SAMPLE).read_text(encoding="utf-8")
    path = tmp_path / "long.jsonl"
    path.write_text(sample * (_MESSAGES // 400), encoding="utf-8")
    return path


def test_killing_every_process_in_turn_loses_and_doubles_nothing(
    own_stack: RunningStack, long_chat: Path
) -> None:
    victims = [one["name"] for one in own_stack.status()["services"]]
    assert set(victims) | {"pgpool"} == set(_VICTIMS)
    command = [str(MESSAGING), "demo", "--json", "--file", str(long_chat)]
    with subprocess.Popen(
        command, env=own_stack.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stderr is not None
        while "Sending messages" not in demo.stderr.readline():
            assert demo.poll() is None
        for name in _VICTIMS:
            if name in victims:
                own_stack.kill(name)
                time.sleep(0.5)
        still_running = demo.poll() is None
        output, errors = demo.communicate(timeout=400)
    assert still_running, "the demo ended before the last was killed: send more"
    assert demo.returncode == 0, errors + output
    figures = json.loads(output)
    assert figures["problems"] == []
    assert figures["messages"]["accepted"] == figures["messages"]["visible"] == _MESSAGES
    assert figures["retries"] > 0
    own_stack.wait_ready(120)
