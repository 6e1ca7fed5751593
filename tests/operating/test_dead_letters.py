"""`messaging events dead-letters`: list, show, retry, edit, discard."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from events.contracts.envelope import Envelope
from runtime.ids import conversation_of, new_id
from tests.operating.conftest import Harness, Pair, events, told
from tests.projector.mischief import POISON, message_of, put_entry, refusing
from tests.projector.test_model import query
from tests.projector.test_projector import outcome_of

pytestmark = pytest.mark.usefixtures("stack_of_servers")
REFUSED = f"body <> '{POISON}'"


def of(pair: Pair) -> tuple[str, str]:
    return ("--conversation", str(pair.conversation))


def letters(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = told("dead-letters", "list", *arguments)["dead_letters"]
    return found


@pytest.fixture
def held_up(harness: Harness, pair: Pair, superuser: Engine) -> list[Envelope]:
    """A conversation that is held up by its second message."""
    sent = [pair.sent("first"), pair.sent(POISON), pair.sent("third")]
    for envelope in sent:
        harness.append(envelope)
    with refusing(superuser, REFUSED):
        harness.drain_all()
    return sent


def test_list_tells_the_causes_and_what_waits_behind(
    harness: Harness, pair: Pair, held_up: list[Envelope]
) -> None:
    cause, behind = letters(*of(pair))
    assert set(cause) == {
        *("place", "partition", "offset", "event_id", "type", "conversation_id", "actor_id"),
        *("state", "reason", "attempts", "parked_at", "updated_at", "edited"),
    }
    assert (cause["event_id"], cause["attempts"]) == (str(held_up[1].id), 1)
    assert "mischief" in cause["reason"]
    assert "waits behind" in behind["reason"]
    assert letters(*of(pair), "--causes") == [cause]
    assert letters(*of(pair), "--reason", "MISCHIEF") == [cause]
    assert letters(*of(pair), "--type", "message.edited") == []
    assert letters(*of(pair), "--account", str(pair.one), "--since", "1h") == [cause, behind]
    assert letters(*of(pair), "--state", "discarded") == []
    page = told("dead-letters", "list", *of(pair), "--limit", "1")
    assert page == {"dead_letters": [cause], "next": cause["place"]}
    assert letters(*of(pair), "--after", page["next"]) == [behind]
    assert cause["place"] in events("dead-letters", "list", *of(pair)).stdout


def test_show_tells_where_it_failed_and_quotes_nobody(pair: Pair, held_up: list[Envelope]) -> None:
    name = str(held_up[1].id)
    shown = told("dead-letters", "show", name)
    assert shown["entry"]["data"]["body"] != POISON
    assert "psycopg2" in shown["traceback"]
    for arguments in ([name], [name, "--json"], [shown["place"]]):
        assert POISON not in events("dead-letters", "show", *arguments).stdout
    assert told("dead-letters", "show", name, "--show-text")["entry"]["data"]["body"] == POISON
    assert POISON in events("dead-letters", "show", name, "--show-text").stdout


def test_an_entry_that_is_no_json_can_be_shown(harness: Harness, pair: Pair) -> None:
    offset = put_entry(harness, pair, b"\xff\x00 not json")
    harness.drain_all()
    place = f"{harness.queue.partition_of(pair.sent())}/{offset}"
    assert "hidden" in told("dead-letters", "show", place)["entry"]["base64"]
    shown = told("dead-letters", "show", place, "--show-text")
    assert shown["entry"] == {"base64": "/wAgbm90IGpzb24="}
    assert events("dead-letters", "discard", place, "--yes").exit_code == 0


def test_a_dry_run_counts_and_changes_nothing(
    harness: Harness, pair: Pair, held_up: list[Envelope]
) -> None:
    # The one behind was named: its conversation comes as a whole.
    counted = told("dead-letters", "retry", str(held_up[2].id), "--dry-run")
    assert counted == {
        "dry_run": True,
        "conversations": 1,
        "events": 2,
        "applied": 0,
        "rejected": 0,
        "failed": [],
        "left": 2,
    }
    assert told("dead-letters", "discard", *of(pair), "--dry-run")["events"] == 2
    assert pair.bodies() == ["first"]
    assert len(letters(*of(pair))) == 2


@pytest.mark.parametrize("rate", [[], ["--rate", "1000"], ["--rate", "0.5"]], ids=str)
def test_retry_applies_the_conversation_in_order(
    harness: Harness, pair: Pair, held_up: list[Envelope], rate: list[str]
) -> None:
    done = told("dead-letters", "retry", *of(pair), *rate)
    assert (done["applied"], done["left"], done["failed"]) == (2, 0, [])
    assert pair.bodies() == ["first", POISON, "third"]
    again = told("dead-letters", "retry", *of(pair))
    assert (again["conversations"], again["events"]) == (0, 0)
    assert "applied" in events("dead-letters", "retry", *of(pair)).stdout


def test_what_fails_again_is_told_with_code_1(
    pair: Pair, held_up: list[Envelope], superuser: Engine
) -> None:
    with refusing(superuser, REFUSED):
        done = told("dead-letters", "retry", *of(pair), code=1)
        result = events("dead-letters", "retry", *of(pair))
    assert (done["applied"], done["left"]) == (0, 2)
    [failed] = done["failed"]
    assert "mischief" in failed["reason"]
    assert result.exit_code == 1
    assert f"Failed again: {failed['place']}" in result.stdout
    assert letters(*of(pair), "--causes")[0]["attempts"] == 3


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_all_must_be_said_and_nothing_else_with_it(verb: str, pair: Pair) -> None:
    assert events("dead-letters", verb).exit_code == 2
    assert events("dead-letters", verb, "--all", *of(pair)).exit_code == 2
    assert events("dead-letters", verb, "somewhere").exit_code == 2
    assert told("dead-letters", verb, "--all", "--dry-run")["dry_run"]
    unknown = events("dead-letters", verb, str(new_id()))
    assert "There is no parked dead letter" in str(unknown.exception)


def copy_of(envelope: Envelope, **changes: object) -> dict[str, Any]:
    attributes: dict[str, Any] = orjson.loads(envelope.encode())
    data = {**attributes["data"], **changes.pop("data", {})}  # type: ignore[dict-item]  # a dict
    return {**attributes, **changes, "data": data}


def test_edit_retries_a_changed_copy_and_keeps_the_original(
    harness: Harness, pair: Pair, held_up: list[Envelope], superuser: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "copy.json"
    file.write_text(json.dumps(copy_of(held_up[1], data={"body": "second"})))
    name = str(held_up[1].id)
    with refusing(superuser, REFUSED):
        declined = events("dead-letters", "edit", name, "--file", str(file), stdin="n\n")
        assert declined.exit_code == 1
        assert pair.bodies() == ["first"]
        done = told("dead-letters", "edit", name, "--file", str(file), "--yes")
    assert (done["applied"], done["left"]) == (2, 0)
    assert pair.bodies() == ["first", "second", "third"]
    shown = told("dead-letters", "show", name, "--show-text")
    assert shown["state"] == "retried"
    assert shown["original_entry"]["data"]["body"] == POISON
    assert shown["entry"]["data"]["body"] == "second"
    assert outcome_of(harness, held_up[1]) == ("applied", None)


def _written(folder: Path, copy: str) -> Path:
    file = folder / "copy.json"
    file.write_text(copy)
    return file


def test_edit_takes_a_copy_from_stdin_and_may_leave_the_retry(
    pair: Pair, held_up: list[Envelope], tmp_path: Path
) -> None:
    copy = json.dumps(copy_of(held_up[1], data={"body": "second"}))
    arguments = ("edit", str(held_up[1].id), "--file", "-", "--yes", "--no-retry")
    refused = events("dead-letters", *arguments[:-2], stdin=copy)
    assert refused.exit_code == 2
    assert "needs --yes" in refused.stderr
    result = events("dead-letters", *arguments, stdin=copy)
    assert "still parked" in result.stdout
    again = told("dead-letters", *arguments[:3], str(_written(tmp_path, copy)), *arguments[4:])
    assert (again["changed"], again["retried"]) == (True, False)
    assert pair.bodies() == ["first"]
    assert letters(*of(pair), "--causes")[0]["edited"]
    told("dead-letters", "retry", *of(pair))
    assert pair.bodies() == ["first", "second", "third"]


def test_a_copy_must_be_the_same_event(
    harness: Harness, pair: Pair, held_up: list[Envelope], tmp_path: Path
) -> None:
    other = Pair(harness)
    elsewhere = str(conversation_of(other.one, other.other))
    wrong = {
        "another id": copy_of(held_up[1], id=str(new_id())),
        "another actor": copy_of(held_up[1], actor=str(other.one)),
        "another time": copy_of(held_up[1], time="2000-01-01T00:00:00Z"),
        "another type": copy_of(
            held_up[1], type="conversation.read.v1", data={"up_to": 1, "peer_id": str(pair.other)}
        ),
        "another partitionkey": copy_of(held_up[1], partitionkey=elsewhere),
        "another conversation": copy_of(held_up[1], data={"conversation_id": elsewhere}),
        "cannot be read": copy_of(held_up[1], data={"body": None}),
    }
    file = tmp_path / "copy.json"
    for reason, copy in wrong.items():
        file.write_text(json.dumps(copy))
        result = events("dead-letters", "edit", str(held_up[1].id), "--file", str(file), "--yes")
        assert result.exit_code == 1
        assert reason in str(result.exception)
    file.write_text("{")
    result = events("dead-letters", "edit", str(held_up[1].id), "--file", str(file), "--yes")
    assert "no JSON" in str(result.exception)
    assert not letters(*of(pair), "--causes")[0]["edited"]


def test_the_editor_gets_the_entry(
    pair: Pair, held_up: list[Envelope], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\nsed -i "s/{POISON}/by hand/" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    assert events("dead-letters", "edit", str(held_up[1].id), "--yes").exit_code == 0
    assert pair.bodies() == ["first", "by hand", "third"]


def test_what_is_discarded_is_never_applied_and_frees_its_conversation(
    harness: Harness, pair: Pair, held_up: list[Envelope]
) -> None:
    name = str(held_up[1].id)
    declined = events("dead-letters", "discard", name, stdin="n\n")
    assert (declined.exit_code, declined.stdout) == (1, "")
    assert "Give up 1 events for ever?" in declined.stderr
    assert told("dead-letters", "discard", name, "--yes")["discarded"] == 1
    assert [letter["state"] for letter in letters(*of(pair), "--state", "any")] == [
        *("discarded", "parked")
    ]
    # What waited goes on when it is retried.
    told("dead-letters", "retry", *of(pair))
    assert pair.bodies() == ["first", "third"]
    harness.append(pair.sent("fourth"))
    harness.drain_all()
    assert pair.bodies() == ["first", "third", "fourth"]
    assert (outcome_of(harness, held_up[1]) or ("",))[0] == "parked"


def test_an_interrupted_retry_stops_between_conversations_and_can_go_on(
    harness: Harness, superuser: Engine
) -> None:
    pairs = [Pair(harness) for _ in range(40)]
    for pair in pairs:
        harness.append(pair.sent(POISON))
    with refusing(superuser, REFUSED):
        harness.drain_all()
    command = [sys.executable, "-c", "from cli.main import main; main()", "events", "dead-letters"]
    command += ["retry", "--reason", "mischief", "--rate", "10", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not any(pair.bodies() for pair in pairs):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Stopped." in said
    done = [pair for pair in pairs if pair.bodies()]
    assert 0 < len(done) < 40
    rest = told("dead-letters", "retry", "--reason", "mischief")
    assert rest["applied"] >= 40 - len(done)
    assert [pair.bodies() for pair in pairs] == [[POISON]] * 40


def test_no_verb_leaves_a_row_that_says_something_else(
    harness: Harness, pair: Pair, held_up: list[Envelope]
) -> None:
    told("dead-letters", "retry", *of(pair))
    rows = query(
        harness,
        "SELECT outcome, position, data FROM event_log.event WHERE conversation_id = :id"
        ' ORDER BY "offset"',
        id=pair.conversation,
    )
    assert [(row.outcome, row.position) for row in rows] == [("applied", n) for n in (1, 2, 3)]
    assert rows[1].data == message_of(held_up[1].event).payload()
