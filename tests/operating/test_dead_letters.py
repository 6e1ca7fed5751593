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
from sqlalchemy import Engine, text

from events.contracts.accounts import AccountDeleted
from events.contracts.envelope import Envelope
from events.letters import LetterSelection
from events.selection import Selection
from runtime.ids import Partition, conversation_of, new_id
from tests.operating.conftest import Harness, Pair, events, told
from tests.projector.conftest import SETTINGS
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
    assert letters(*of(pair), "--account", str(pair.other)) == [cause, behind]
    assert letters(*of(pair), "--actor", str(pair.one)) == [cause, behind]
    assert letters(*of(pair), "--actor", str(pair.other)) == []
    types = ("--type", "message.edited", "--type", "message.sent.v1")
    assert letters(*of(pair), *types) == [cause, behind]
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


EVIL = "hi\nmy secret is 1234\n[SQL:\x1b]0;pwned\x07\x1b[2J\x9b2J\u202e\nDETAIL: more secrets"
RAW = "\x1b\x07\x9b\u202e"


@pytest.fixture
def evil(harness: Harness, pair: Pair, superuser: Engine) -> Envelope:
    """A message of several lines, some like Postgres's own, that the database refuses."""
    sent = pair.sent(EVIL)
    harness.append(sent)
    with refusing(superuser, "body NOT LIKE '%my secret%'"):
        harness.drain_all()
    return sent


def test_nothing_but_the_entry_holds_what_was_written(harness: Harness, evil: Envelope) -> None:
    [row] = query(
        harness,
        "SELECT d.reason, d.traceback, e.data, e.reason AS logged FROM event_log.dead_letter AS d"
        ' JOIN event_log.event AS e USING (partition, "offset") WHERE d.event_id = :id',
        id=evil.id,
    )
    assert "secret" not in " ".join(map(str, tuple(row)))
    assert "mischief" in row.reason
    assert "mischief" in row.logged
    # Where in our code, and as what.
    assert "in apply_batch" in row.traceback
    assert "psycopg2.errors.CheckViolation: new row for relation" in row.traceback


def test_what_is_shown_steers_no_terminal_and_hides_each_line(evil: Envelope) -> None:
    name = str(evil.id)
    for arguments in ([name], [name, "--json"]):
        said = events("dead-letters", "show", *arguments).stdout
        assert "secret" not in said
        assert not set(RAW) & set(said)
        said = events("dead-letters", "show", *arguments, "--show-text").stdout
        assert "my secret is 1234" in said
        assert r"\u001b]0;pwned\u0007\u001b[2J\u009b2J\u202e" in said
        assert not set(RAW) & set(said)
    whole = told("dead-letters", "show", name, "--show-text")
    assert whole["entry"]["data"]["body"] == EVIL
    for arguments in (["log"], ["log", "--show-text"], ["log", "--json", "--show-text"]):
        assert not set(RAW) & set(events(*arguments, "--limit", "10000").stdout)


def test_a_traceback_of_an_earlier_release_is_cut_where_it_quotes(
    superuser: Engine, evil: Envelope
) -> None:
    row = f"DETAIL:  Failing row contains (1, {EVIL}, 'secret':1)."
    kept = f"psycopg2.errors.CheckViolation: refused\n{row}\n\n[SQL: INSERT]\n"
    with superuser.begin() as transaction:
        transaction.execute(
            text("UPDATE event_log.dead_letter SET traceback = :kept WHERE event_id = :id"),
            {"kept": kept, "id": evil.id},
        )
    shown = told("dead-letters", "show", str(evil.id))
    assert shown["traceback"].startswith("psycopg2.errors.CheckViolation: refused\n(hidden")
    for arguments in ([], ["--json"]):
        said = events("dead-letters", "show", str(evil.id), *arguments).stdout
        assert "secret" not in said
        assert not set(RAW) & set(said)
    said = events("dead-letters", "show", str(evil.id), "--show-text").stdout
    assert "more secrets" in said
    assert not set(RAW) & set(said)


def test_an_entry_that_is_no_json_can_be_shown(harness: Harness, pair: Pair) -> None:
    offset = put_entry(harness, pair, b"\xff\x00 not json")
    harness.drain_all()
    place = f"{harness.queue.partition_of(pair.sent())}/{offset}"
    assert "hidden" in told("dead-letters", "show", place)["entry"]["base64"]
    shown = told("dead-letters", "show", place, "--show-text")
    assert shown["entry"] == {"base64": "/wAgbm90IGpzb24="}
    assert events("dead-letters", "discard", place, "--yes").exit_code == 0


def test_an_entry_without_a_row_in_the_log_is_found_by_its_bytes(
    harness: Harness, pair: Pair
) -> None:
    made = f'{{"actor":"{pair.one}","type":"message.lost.v1","to":"{pair.other}"}}'
    offset = put_entry(harness, pair, made.encode() + b"\xff")
    harness.drain_all()
    place = f"{harness.queue.partition_of(pair.sent())}/{offset}"
    for found in (["--account", pair.one], ["--account", pair.other], ["--actor", pair.one]):
        assert [row["place"] for row in letters(*map(str, found))] == [place]
    assert letters("--actor", str(pair.other)) == []
    of_type = letters("--type", "message.lost", "--account", str(pair.one))
    assert [row["place"] for row in of_type] == [place]
    assert letters("--type", "message.found", "--account", str(pair.one)) == []
    assert events("dead-letters", "discard", place, "--yes").exit_code == 0


@pytest.mark.parametrize(
    "wrong",
    [["--after", "3"], ["--partition", "4"], ["--state", "lost"], ["--outcome", "parked"]],
    ids=" ".join,
)
def test_wrong_usage_is_code_2(pair: Pair, wrong: list[str]) -> None:
    assert events("dead-letters", "list", *wrong).exit_code == 2


def test_a_selection_of_dead_letters_by_outcome_is_refused() -> None:
    with pytest.raises(ValueError, match="by state"):
        LetterSelection(events=Selection(outcomes=("parked",)))


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


def erase(harness: Harness, pair: Pair) -> None:
    for partition in range(SETTINGS.partitions):
        erasure = AccountDeleted(
            account_id=pair.one,
            in_partition=Partition(partition),
            of_partitions=SETTINGS.partitions,
            ordered_by="owner",
        )
        harness.append(harness.envelope(erasure, pair.one))
    harness.drain_all()


def held_text(harness: Harness, pair: Pair) -> list[str]:
    """Return what the dead letters of a conversation hold."""
    rows = query(
        harness,
        "SELECT entry, original_entry FROM event_log.dead_letter WHERE conversation_id = :id",
        id=pair.conversation,
    )
    return [bytes(entry or b"").decode() for row in rows for entry in row]


def test_a_saved_copy_does_not_bring_back_what_was_erased(
    harness: Harness, pair: Pair, held_up: list[Envelope], tmp_path: Path
) -> None:
    saved = _written(tmp_path, json.dumps(copy_of(held_up[1], data={"body": "erased words"})))
    erase(harness, pair)
    name = str(held_up[1].id)
    result = events("dead-letters", "edit", name, "--file", str(saved), "--yes")
    assert "account was deleted" in str(result.exception)
    assert not letters(*of(pair), "--causes")[0]["edited"]
    done = told("dead-letters", "retry", *of(pair))
    assert (done["applied"], done["rejected"]) == (0, 2)
    assert "words" not in str(held_text(harness, pair))


def test_a_retry_takes_out_what_should_be_erased(
    harness: Harness, pair: Pair, held_up: list[Envelope], superuser: Engine
) -> None:
    erase(harness, pair)
    # As an earlier release let an operator do.
    copy = orjson.dumps(copy_of(held_up[1], data={"body": "erased words"}))
    with superuser.begin() as transaction:
        transaction.execute(
            text(
                "UPDATE event_log.dead_letter SET original_entry = entry, entry = :copy"
                " WHERE event_id = :id"
            ),
            {"copy": copy, "id": held_up[1].id},
        )
    told("dead-letters", "retry", *of(pair))
    assert outcome_of(harness, held_up[1]) == ("rejected", "account-deleted")
    assert len(held_text(harness, pair)) == 4
    assert "erased words" not in str(held_text(harness, pair))


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
    command += ["retry", "--reason", "mischief", "--rate", "1", "--json"]
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
