"""`messaging events verify`, `replay` and `rebuild`, as an operator runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from cli.events.shown import HIDDEN
from cli.main import messaging
from local_stack.record import Record
from local_stack.state import State
from tests.projector.conftest import SETTINGS
from tests.projector.test_model import Scenario
from tests.rebuild.histories import rows_of
from tests.running_stack import wait_until
from tests.servers import Servers
from workers.alone import Engines, alone

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs/runbooks/wrong-data-found.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TAMPER = "UPDATE read_model.message SET body = 'forged words' WHERE body = 'two'"


@pytest.fixture
def state(
    servers: Servers, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> State:
    """A stack as far as the commands see it."""
    record = Record.new(uid=os.geteuid(), event_partitions=SETTINGS.partitions)
    made = State(tmp_path, record)
    made.save(replace(record, ports={"primary": servers.postgres_port}))
    made.credentials.make()
    monkeypatch.setenv("MESSAGING_STATE", str(tmp_path))
    return made


def events(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(messaging, ["events", *arguments], input=answer)


def tamper(superuser: Engine, statement: str = TAMPER) -> None:
    with superuser.begin() as transaction:
        assert transaction.execute(text(statement)).rowcount


def test_verify_exits_with_0_when_all_is_right(state: State) -> None:
    result = events("verify")
    assert result.exit_code == 0, result.output
    assert result.stdout == "All is as the log says: 3 conversations, 10 events.\n"
    nobody = events("verify", "--conversation", str(uuid4()))
    assert (nobody.exit_code, nobody.stdout) == (
        0,
        "No conversation is selected: nothing was compared.\n",
    )


def test_verify_names_each_value_that_differs_but_not_what_people_wrote(
    state: State, superuser: Engine
) -> None:
    tamper(superuser)
    result = events("verify")
    assert result.exit_code == 1
    [line, summary] = result.stdout.splitlines()
    assert re.fullmatch(
        rf'message id=[0-9a-f-]{{36}}: body: expected "{re.escape(HIDDEN)}",'
        rf' found "{re.escape(HIDDEN)}"',
        line,
    )
    assert summary.startswith("Differences: 1 in message; of 3 conversations, 10 events.")
    assert "forged words" in events("verify", "--show-text").stdout


def test_verify_prints_json_lines(state: State, superuser: Engine) -> None:
    tamper(superuser, "DELETE FROM read_model.message WHERE body = 'two'")
    lines = [json.loads(line) for line in events("verify", "--json").stdout.splitlines()]
    [missing, *_] = [line for line in lines if line.get("column") == "(row)"]
    assert (missing["table"], missing["found"]) == ("message", None)
    assert missing["expected"]["body"] == HIDDEN
    assert lines[-1] == {"conversations": 3, "events": 10, "differences": {"message": 1}}


def test_a_dry_run_counts(state: State, superuser: Engine) -> None:
    tamper(superuser)
    assert events("verify", "--dry-run").stdout == "3 conversations, 10 events.\n"
    counted = {"conversations": 3, "events": 10}
    assert json.loads(events("verify", "--dry-run", "--json").stdout) == counted
    assert json.loads(events("replay", "--dry-run", "--json").stdout) == {
        **counted,
        "dry_run": True,
        "rows": {"message": 1},
    }
    assert json.loads(events("rebuild", "--dry-run", "--json").stdout) == {
        "events": 10,
        "begun": False,
        "kept": False,
    }
    assert events("verify").exit_code == 1


def test_replay_asks_and_then_mends(state: State, superuser: Engine) -> None:
    tamper(superuser)
    refused = events("replay", answer="n\n")
    assert refused.exit_code == 1
    assert "Derive 3 conversations again from 10 events" in refused.stderr
    assert events("verify").exit_code == 1
    mended = events("replay", answer="y\n")
    assert mended.exit_code == 0
    assert mended.stdout == "3 conversations, 10 events; rows mended: 1 in message.\n"
    assert events("verify").exit_code == 0


@pytest.mark.parametrize("verb", ["replay", "rebuild"])
def test_two_at_once_are_refused(state: State, engines: Engines, verb: str) -> None:
    with alone(engines.operator):
        result = CliRunner().invoke(messaging, ["events", verb, "--yes"])
    assert result.exit_code == 1
    assert "Another replay or rebuild is running" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--since", "yesterday"),
        ("verify", "--account", "nobody"),
        ("verify", "--outcome", "lost"),
        ("verify", "--conversation", "1"),
        ("verify", "--partition", "4"),
        ("replay", "--yes", "--partition", "4"),
        ("verify", "--rate", "0"),
        ("rebuild", "--rollback", "--discard"),
        ("rebuild", "--dry-run", "--no-swap"),
        ("rebuild", "--jobs", "0"),
    ],
)
def test_wrong_usage_exits_with_2(state: State, arguments: tuple[str, ...]) -> None:
    assert events(*arguments).exit_code == 2


def test_a_dry_run_counts_rows_not_values(state: State, superuser: Engine) -> None:
    tamper(superuser, "UPDATE read_model.message SET body = 'x', subject = 'y' WHERE body = 'two'")
    assert json.loads(events("replay", "--dry-run", "--json").stdout)["rows"] == {"message": 1}
    assert json.loads(events("verify", "--json").stdout.splitlines()[-1])["differences"] == {
        "message": 2
    }
    assert json.loads(events("replay", "--yes", "--json").stdout)["rows"] == {"message": 1}


def test_rebuild_asks_before_it_swaps(state: State, engines: Engines, superuser: Engine) -> None:
    refused = events("rebuild", answer="\n")
    assert refused.exit_code == 1
    assert "Rebuild the read model from 10 events" in refused.stderr
    done = events("rebuild", answer="y\n")
    assert done.exit_code == 0
    assert "Folded 10 events" in done.stdout
    assert "The live read model was the same." in done.stdout
    assert re.search(r"Swapped in [0-9.]+ ms", done.stdout)
    again = events("rebuild", answer="n\n")
    assert "the one kept so far is dropped" in again.stderr


def test_rebuild_without_a_swap_exits_with_1_where_something_differs(
    state: State, superuser: Engine
) -> None:
    assert events("rebuild", "--no-swap").exit_code == 0
    tamper(superuser)
    result = events("rebuild", "--no-swap", "--json")
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert shown["resumed"] is True
    assert shown["differing_conversations"] == {"message": 1}
    assert shown["swap_ms"] is None
    assert events("rebuild", "--yes").exit_code == 0
    assert events("verify").exit_code == 0


def command(state: State, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", "events", *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def folded(engines: Engines) -> int:
    with engines.operator.connect() as connection:
        counted = text("SELECT coalesce(sum(events), 0) FROM event_log.fold")
        return int(connection.execute(counted).scalar_one())


@pytest.mark.parametrize(
    ("number", "code", "rate"),
    [
        (signal.SIGINT, 130, "1"),
        (signal.SIGINT, 130, "0.5"),
        (signal.SIGTERM, 130, "1"),
        (signal.SIGKILL, -signal.SIGKILL, "1"),
    ],
)
def test_what_is_stopped_goes_on_where_it_was(
    state: State, engines: Engines, number: signal.Signals, code: int, rate: str
) -> None:
    before = rows_of(engines.operator, "read_model")
    running = command(state, "rebuild", "--yes", "--rate", rate, "--jobs", "1")
    wait_until(lambda: folded(engines))
    running.send_signal(number)
    _, told = running.communicate(timeout=60)
    assert running.returncode == code, told
    done = folded(engines)
    assert 0 < done < 10
    if code > 0:
        assert "run it again to go on" in told
    # Postgres notices a client that was killed within moments.
    deadline = time.monotonic() + 30
    while (result := events("rebuild", "--yes", "--json")).exit_code:
        assert time.monotonic() < deadline, result.output
    shown = json.loads(result.stdout)
    assert (shown["resumed"], shown["events"]) == (True, 10 - done)
    assert rows_of(engines.operator, "read_model") == before


def test_the_runbook_leads_from_the_symptom_to_a_clean_read_model(
    state: State, servers: Servers, superuser: Engine, scenario: Scenario
) -> None:
    with superuser.begin() as transaction:
        transaction.execute(
            text(
                "INSERT INTO identity.account (id, username, email, email_key, password_hash,"
                " created_at) VALUES (:id, 'ada', '-', '-', '-', now())"
            ),
            {"id": scenario.people[0]},
        )
    tamper(superuser)
    blocks = BLOCK.findall(RUNBOOK.read_text())
    codes = [run_block(block) for block in blocks]
    look, look_at_ada, *act, check = codes
    assert (look, look_at_ada, check) == (1, 1, 0)
    assert act == [0] * len(act)


def run_block(block: str) -> int:
    """Run an example with this environment's Python in place of the installed command."""
    line = block.replace(".venv/bin/messaging", str(Path(sys.executable).parent / "messaging"))
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, check=False, capture_output=True
    ).returncode
