"""Every command of the runbooks about events does what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine

from tests.operating.conftest import Harness, Pair, row_of, told
from tests.projector.mischief import POISON, refusing
from tests.projector.test_projector import dead_letters

pytestmark = pytest.mark.usefixtures("stack_of_servers")
RUNBOOKS = Path(__file__).parents[2] / "docs/runbooks"
PLACE = "3/1771234567890-0"
CONVERSATION = "11111111-2222-4333-8444-555555555555"
COMMAND = ".venv/bin/messaging"
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
# What asks a stack's processes is not seen on bare servers; acceptance/test_metrics.py runs it.
ELSEWHERE = (f"{COMMAND} status", "curl ", "PORT=")


def commands_of(page: str) -> list[str]:
    blocks = BLOCK.findall((RUNBOOKS / page).read_text())
    return [
        line for block in blocks for line in block.splitlines() if not line.startswith(ELSEWHERE)
    ]


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A folder in which the pages' commands work."""
    command = tmp_path / COMMAND
    command.parent.mkdir(parents=True)
    command.write_text(f"#!{sys.executable}\nfrom cli.main import main\nmain()\n")
    command.chmod(0o755)
    logs = tmp_path / ".messaging/logs"
    logs.mkdir(parents=True)
    (logs / "worker-1.log").write_text('{"event": "projection.backs_off", "code": "53100"}\n')
    return tmp_path


def run(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(RUNBOOKS.parents[1])},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def park(harness: Harness, pair: Pair, superuser: Engine, body: str = POISON) -> str:
    """Hold a conversation up by its second message; return the place of that."""
    for said in ("first", body, "third"):
        harness.append(pair.sent(said))
    with refusing(superuser, f"body <> '{body}'"):
        harness.drain_all()
    conversation = str(pair.conversation)
    [cause] = told("dead-letters", "list", "--conversation", conversation, "--causes")[
        "dead_letters"
    ]
    return str(cause["place"])


def test_the_page_about_dead_letters(harness: Harness, superuser: Engine, shell: Path) -> None:
    """Each way to act has a dead letter of its own."""
    commands = commands_of("dead-letters.md")
    assert len(commands) == 10
    retried, edited, given_up = (Pair(harness) for _ in range(3))
    place = park(harness, retried, superuser)
    for command in commands[:5]:
        printed = run(command.replace(PLACE, place), shell)
    assert "applied" in printed
    assert retried.bodies() == ["first", POISON, "third"]

    place = park(harness, edited, superuser)
    entry = told("dead-letters", "show", place, "--show-text")["entry"]
    entry["data"]["body"] = "second"
    (shell / "copy.json").write_text(json.dumps(entry))
    run(commands[5].replace(PLACE, place), shell)
    assert edited.bodies() == ["first", "second", "third"]

    place = park(harness, given_up, superuser)
    for command in commands[6:]:
        named = command.replace(PLACE, place).replace(CONVERSATION, str(given_up.conversation))
        printed = run(named, shell)
    assert given_up.bodies() == ["first", "third"]
    assert printed.count("message.sent.v1") == 3
    assert len(dead_letters(harness, given_up.conversation)) == 2


def test_the_page_about_a_stopped_partition(harness: Harness, pair: Pair, shell: Path) -> None:
    commands = commands_of("partition-stopped.md")
    assert len(commands) == 5
    look, causes, pause, resume, check = commands
    for command in (look, causes, pause):
        run(command, shell)
    harness.append(pair.sent("waits"))
    harness.drain_all()
    assert pair.bodies() == []
    assert "a release that cannot apply edits" in run(look, shell)
    run(resume, shell)
    harness.drain_all()
    assert pair.bodies() == ["waits"]
    assert not any(row["paused"] for row in orjson.loads(run(check, shell))["partitions"])


def test_the_page_about_lag(harness: Harness, pair: Pair, shell: Path) -> None:
    commands = commands_of("lag-grows.md")
    assert len(commands) == 6
    harness.drain_all()
    sent = pair.sent("slow")
    harness.append(sent)
    place = row_of(harness.queue.partition_of(sent))["next"]
    printed = [run(command.replace(PLACE, place), shell) for command in commands]
    assert "lag events" in printed[0]
    assert "53100" in printed[1]
    assert printed[3].startswith("Would set aside")
    assert printed[4].startswith("Set aside")
    assert dead_letters(harness, pair.conversation) == [("takes minutes", 1)]
    partitions = orjson.loads(printed[5])["partitions"]
    assert all(row["lag_events"] == 0 for row in partitions)
    assert told("dead-letters", "retry", place)["applied"] == 1
    assert pair.bodies() == ["slow"]
