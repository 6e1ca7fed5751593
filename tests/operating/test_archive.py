"""`messaging events export` and `import`: what comes out goes in, and nothing else is there."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, Row, text
from structlog.testing import capture_logs

from events import archive, checkpoints, pauses
from events.append import QueueUnavailableError
from events.archive import ArchiveError, Header
from events.contracts.accounts import AccountDeleted
from events.contracts.conversations import ConversationRead
from events.contracts.messages import MessageDeleted, MessageEdited
from events.contracts.offsets import START
from events.opening import ensure_open
from events.queue import EventQueue
from local_stack.state import State
from runtime.clock import utc_now
from runtime.ids import Partition, new_erasure_id
from tests.operating.conftest import TABLES, events, told
from tests.projector.conftest import SETTINGS, Harness, engine_of
from tests.projector.mischief import POISON, message_of, put_entry, refusing
from tests.projector.test_erasure import text_left
from tests.projector.test_opening import sweep_once
from tests.projector.test_projector import Pair, outcome_of
from tests.servers import Servers
from workers import canaries
from workers.closing import NotEmptyError


@pytest.fixture
def history(harness: Harness, superuser: Engine, stack_of_servers: State) -> list[Pair]:
    return make_history(harness, superuser)


def make_history(harness: Harness, superuser: Engine) -> list[Pair]:
    """Something of everything: edits, deletions, reads, an erasure, poison, unreadable entries."""
    pairs = [Pair(harness) for _ in range(6)]
    for number in range(30):
        for each in pairs:
            harness.append(each.sent(f"{number}"))
    first = [each.sent("to be changed") for each in pairs]
    for each, sent in zip(pairs, first, strict=True):
        message = message_of(sent.event).message_id
        read = ConversationRead(conversation_id=each.conversation, peer_id=each.one, up_to=7)
        harness.append(sent)
        harness.append(harness.envelope(read, each.other))
        edit = MessageEdited(message_id=message, changes={"body": "changed"})
        harness.append(harness.envelope(edit, each.one))
        harness.append(harness.envelope(edit, each.other))
        hidden = MessageDeleted(message_id=message, audience="me")
        harness.append(harness.envelope(hidden, each.other))
    gone = message_of(first[0].event).message_id
    deletion = MessageDeleted(message_id=gone, audience="everyone")
    harness.append(harness.envelope(deletion, pairs[0].one))
    put_entry(harness, pairs[0], b"\xff not json")
    harness.append(pairs[1].sent(POISON))
    harness.append(pairs[1].sent("behind"))
    harness.append(pairs[2].sent(POISON))
    with refusing(superuser, f"body <> '{POISON}'"):
        harness.drain_all()
    told("dead-letters", "retry", "--conversation", str(pairs[2].conversation))
    for partition in range(SETTINGS.partitions):
        erasure = AccountDeleted(
            account_id=pairs[3].one,
            in_partition=Partition(partition),
            of_partitions=SETTINGS.partitions,
            ordered_by="owner",
        )
        harness.append(harness.envelope(erasure, pairs[3].one))
    harness.drain_all()
    return pairs


def contents(engine: Engine) -> dict[str, list[Any]]:
    columns = 'partition, "offset", number, pause_reason FROM event_log.checkpoint ORDER BY 1'
    wanted = {table: f"* FROM {table}" for table in TABLES} | {"checkpoint": columns}
    with engine.connect() as connection:
        return {
            table: sorted(map(plain, connection.execute(text(f"SELECT {statement}"))), key=str)
            for table, statement in wanted.items()
        }


def plain(row: Row[*tuple[Any, ...]]) -> tuple[Any, ...]:
    # What an import brings is looked at anew.
    values = (value for name, value in row._mapping.items() if name != "checked")
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in values)


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_what_is_exported_and_imported_is_equal(
    harness: Harness,
    history: list[Pair],
    other_servers: Servers,
    tmp_path: Path,
    name: str,
    request: pytest.FixtureRequest,
) -> None:
    file = tmp_path / name
    before = contents(harness.engine)
    assert events("export", str(file)).exit_code == 0
    assert contents(harness.engine) == before
    empty: Harness = request.getfixturevalue("empty")
    done = told("import", str(file), "--yes")
    assert done["events"] == len(before["event_log.event"])
    after = contents(empty.engine)
    for table, rows in before.items():
        assert after[table] == rows, table
    # The queue is raised to the checkpoints, and goes on behind them.
    ensure_open(empty.queue, empty.engine, clock=utc_now)
    follower = history[0]
    bodies = follower.bodies()
    follower.harness = empty
    empty.append(follower.sent("after the move"))
    empty.drain_all()
    assert follower.bodies() == [*bodies, "after the move"]
    told("dead-letters", "retry", "--conversation", str(history[1].conversation))
    history[1].harness = empty
    assert history[1].bodies()[-2:] == [POISON, "behind"]


@pytest.mark.parametrize("later_ms", [0, 10**11], ids=["before now", "of a clock ahead"])
def test_canaries_of_the_empty_service_are_passed_over(
    harness: Harness,
    pair: Pair,
    stack_of_servers: State,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    later_ms: int,
) -> None:
    harness.append(*(pair.sent(f"{number}") for number in range(3)))
    send_canaries(harness)
    harness.drain_all()
    exported = events("export", "-").stdout
    assert "canary" not in exported
    file = tmp_path / "log.jsonl"
    moved = re.sub(r'"offset":"(\d+)-', lambda m: later(m, later_ms), exported)
    *lines, last = moved.splitlines(keepends=True)
    end = json.loads(last)["data"]
    checksum = hashlib.sha256("".join(lines).encode()).hexdigest()
    file.write_text("".join(lines) + last.replace(end.pop("sha256"), checksum))
    empty: Harness = request.getfixturevalue("empty")
    for _ in range(5):
        send_canaries(empty)
        empty.drain_all()
    send_canaries(empty)
    done = told("import", str(file), "--yes")
    assert done == {**end, "restored_before": 0, "erased_again": 0, "resumed": False}
    assert events("log", "--limit", "1000").stdout.count("canary") == 0
    with capture_logs() as logged:
        ensure_open(empty.queue, empty.engine, clock=utc_now)
        with empty.engine.connect() as connection:
            known = checkpoints.read_all(connection)
        numbers = empty.queue.numbers()
        for checkpoint in known:
            # What is appended from now on counts as behind what was imported.
            assert (empty.queue.head(checkpoint.partition) or START) >= checkpoint.offset
            assert numbers[checkpoint.partition] == checkpoint.number
        pair.harness = empty
        bodies = pair.bodies()
        empty.append(pair.sent("after the move"))
        assert send_canaries(empty) == SETTINGS.partitions
        empty.drain_all()
    assert pair.bodies() == [*bodies, "after the move"] == ["0", "1", "2", "after the move"]
    assert not [line for line in logged if line["event"] == "projection.entries_missing"]


def send_canaries(harness: Harness) -> int:
    return canaries.send(harness.queue, harness.engine, clock=utc_now, wake=lambda _: None)


def later(offset: re.Match[str], milliseconds: int) -> str:
    made = int(offset[1])
    return f'"offset":"{made + milliseconds if made else 0}-'


def test_each_line_is_a_cloud_event(history: list[Pair], tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    assert events("export", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o077 == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        assert {"specversion", "id", "source", "type", "time", "data"} <= set(line)
        # Extension attributes: lower-case letters and digits alone.
        assert all(name.isalnum() and name == name.lower() for name in line)
    sent = [line for line in lines if line["type"] == "message.sent.v1"]
    assert {"partition", "offset", "outcome", "recorded", "conversation"} <= set(sent[0])
    assert len({(line["source"], line["id"]) for line in lines}) == len(lines)


def test_an_export_follows_nothing_that_others_left_there(
    harness: Harness, stack_of_servers: State, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    waiting = tmp_path / "log.jsonl.unfinished"
    waiting.touch(mode=0o666)
    waiting.chmod(0o666)
    (tmp_path / "linked.jsonl.unfinished").symlink_to(precious)
    (tmp_path / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    for name in ("log.jsonl", "linked.jsonl"):
        assert events("export", str(tmp_path / name)).exit_code == 0
        made = tmp_path / name
        assert made.stat().st_mode & 0o777 == 0o600
        assert made.stat().st_uid == os.geteuid()
        assert json.loads(made.read_text().splitlines()[0])["specversion"] == "1.0"
    assert "exists" in str(events("export", str(tmp_path / "dangling.jsonl")).exception)
    assert (precious.read_text(), waiting.read_text()) == ("keep me", "")
    assert not (tmp_path / "nowhere").exists()
    assert not [left for left in tmp_path.iterdir() if left.name.startswith(".")]


def test_an_export_takes_no_name_that_was_taken_meanwhile(
    harness: Harness,
    stack_of_servers: State,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "log.jsonl"
    beginning = archive.header_line

    def begin(header: Header) -> bytes:
        file.write_text("another's")
        return beginning(header)

    monkeypatch.setattr(archive, "header_line", begin)
    assert "exists by now" in str(events("export", str(file)).exception)
    assert file.read_text() == "another's"
    assert list(tmp_path.glob(".*")) == []


def test_an_export_goes_through_pipes_and_filters(
    history: list[Pair], request: pytest.FixtureRequest
) -> None:
    result = events("export", "-", "--conversation", str(history[2].conversation))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["conversation"] for line in lines[1:-1]} == {str(history[2].conversation)}
    assert lines[0]["data"]["complete"] is False
    whole = events("export", "-").stdout_bytes
    request.getfixturevalue("empty")
    refused = events("import", "-", "--yes", stdin=result.stdout_bytes)
    assert isinstance(refused.exception, ArchiveError)
    assert events("import", "-", "--yes", stdin=whole).exit_code == 0


def test_a_service_with_events_of_its_own_is_left_alone(
    harness: Harness, history: list[Pair], tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    assert events("export", str(file)).exit_code == 0
    before = contents(harness.engine)
    result = events("import", str(file), "--yes")
    assert isinstance(result.exception, NotEmptyError)
    assert contents(harness.engine) == before
    again = events("export", str(file))
    assert "exists" in str(again.exception)


def test_commands_that_wait_are_not_overtaken_by_an_import(
    history: list[Pair], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    empty: Harness = request.getfixturevalue("empty")
    empty.append(Pair(empty).sent("was here first"))
    assert isinstance(events("import", str(file), "--yes").exception, NotEmptyError)


@pytest.mark.parametrize("spoil", ["cut", "zipped", "foreign", "altered"])
def test_a_damaged_export_is_told_before_anything_is_written(
    history: list[Pair], tmp_path: Path, request: pytest.FixtureRequest, spoil: str
) -> None:
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    whole = file.read_bytes()
    empty: Harness = request.getfixturevalue("empty")
    before = contents(empty.engine)
    damaged = tmp_path / ("damaged.gz" if spoil == "zipped" else "damaged")
    damaged.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "zipped": gzip.compress(whole)[:-200],
            "foreign": b'{"hello": "world"}\n',
            "altered": whole.replace(b'"body":"3"', b'"body":"4"', 1),
        }[spoil]
    )
    result = events("import", str(damaged), "--yes")
    assert isinstance(result.exception, ArchiveError)
    assert contents(empty.engine) == before
    empty.append(Pair(empty).sent())  # The queue is open: nobody noticed.
    clear_events(empty)
    assert not told("import", str(file), "--yes")["resumed"]


def clear_events(empty: Harness) -> None:
    """Forget what was only queued, as if it had never been."""
    client = empty.queue._redis
    client.delete("queue:numbers", *(f"queue:{p}" for p in empty.queue.partitions))


def test_what_came_altered_through_a_pipe_is_told_and_nothing_goes_on_with_it(
    history: list[Pair], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole = events("export", "-").stdout_bytes
    empty: Harness = request.getfixturevalue("empty")
    altered = whole.replace(b'"body":"3"', b'"body":"4"', 1)
    assert altered != whole
    for again in (altered, whole):
        result = events("import", "-", "--yes", stdin=again)
        assert isinstance(result.exception, ArchiveError)
        reasons = {row[3] for row in contents(empty.engine)["checkpoint"]}
        assert [reason.startswith("import of export") for reason in reasons] == [True]
        with pytest.raises(QueueUnavailableError):
            empty.append(Pair(empty).sent())
    assert "earlier run" in str(result.exception)


@pytest.fixture
def ahead(
    harness: Harness, pair: Pair, superuser: Engine, request: pytest.FixtureRequest
) -> Iterator[int]:
    """Let the checkpoint lie so many milliseconds after the newest event, until the test ends."""
    for number in range(5):
        harness.append(pair.sent(str(number)))
    harness.drain_all()
    values = {"p": harness.queue.partition_of(pair.sent())}
    with superuser.begin() as connection:
        read = 'SELECT "offset" FROM event_log.checkpoint WHERE partition = :p'
        before = connection.execute(text(read), values).scalar_one()
        set_back = text('UPDATE event_log.checkpoint SET "offset" = :at WHERE partition = :p')
        ms, _, seq = before.partition("-")
        connection.execute(set_back, {**values, "at": f"{int(ms) + request.param:020d}-{seq}"})
    yield request.param
    with superuser.begin() as connection:
        connection.execute(set_back, {**values, "at": before})


@pytest.mark.parametrize("ahead", [0, 3_600_000], indirect=True, ids=["equal", "an hour ahead"])
def test_no_command_is_accepted_while_an_import_stands_and_none_is_lost(
    ahead: int,
    pair: Pair,
    stack_of_servers: State,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    whole = file.read_bytes()
    empty: Harness = request.getfixturevalue("empty")
    pair.harness = empty
    cut = events("import", "-", "--yes", stdin=b"".join(whole.splitlines(keepends=True)[:-1]))
    assert isinstance(cut.exception, ArchiveError)
    for _ in range(2):
        with pytest.raises(QueueUnavailableError):
            empty.append(pair.sent("too early"))
        sweep_once(empty)
    assert told("import", str(file), "--yes")["resumed"]
    sweep_once(empty)
    partition = empty.queue.partition_of(pair.sent())
    before = contents(empty.engine)["checkpoint"][partition]
    empty.append(pair.sent("after it"))
    with structlog.testing.capture_logs() as logs:
        assert sum(drained.applied for drained in empty.drain_all()) == 1
    assert "projection.entries_missing" not in {line["event"] for line in logs}
    assert pair.bodies() == [*map(str, range(5)), "after it"]
    after = contents(empty.engine)["checkpoint"][partition]
    assert (after[1] > before[1], after[2]) == (True, before[2] + 1)


def test_a_command_that_comes_just_before_the_queue_is_closed_is_not_lost(
    history: list[Pair],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    empty: Harness = request.getfixturevalue("empty")
    pair = Pair(empty)
    close = EventQueue.close

    def append_and_close(queue: EventQueue) -> None:
        empty.append(pair.sent("just in time"))
        close(queue)

    monkeypatch.setattr(EventQueue, "close", append_and_close)
    result = events("import", str(file), "--yes")
    assert isinstance(result.exception, NotEmptyError)
    monkeypatch.undo()
    sweep_once(empty)
    empty.drain_all()
    assert pair.bodies() == ["just in time"]


def owe(superuser: Engine, pair: Pair) -> None:
    """Let schema identity say that an account was deleted, and that this is done."""
    values = {"id": pair.one, "event": new_erasure_id()}
    with superuser.begin() as transaction:
        transaction.execute(
            text(
                "INSERT INTO identity.account (id, password_hash, created_at, deleted_at)"
                " VALUES (:id, '', now(), now())"
            ),
            values,
        )
        transaction.execute(
            text(
                "INSERT INTO identity.erasure"
                " (account_id, event_id, requested_at, ordered_by, done_at)"
                " VALUES (:id, :event, now(), 'owner', now())"
            ),
            values,
        )


def test_who_was_deleted_after_the_export_is_erased_again(
    harness: Harness,
    history: list[Pair],
    other_servers: Servers,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    pair, words = history[4], "erase me, please"
    harness.append(pair.sent(words))
    put_entry(harness, pair, pair.sent(words).encode().replace(b"sent.v1", b"sent.v99"))
    harness.drain_all()
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    empty: Harness = request.getfixturevalue("empty")
    pair.harness = empty
    superuser = engine_of(other_servers, "postgres")
    owe(superuser, pair)
    assert told("import", str(file), "--yes")["erased_again"] == 1
    assert text_left(superuser, words) == []
    assert set(pair.bodies()) == {None}
    # The log tells of it, as of any other erasure, and the queue goes on behind it.
    assert told("verify", "--conversation", str(pair.conversation))["differences"] == {}
    sweep_once(empty)
    late = pair.sent(words)
    empty.append(late)
    assert [drained.applied for drained in empty.drain_all()] == [0] * SETTINGS.partitions
    assert outcome_of(empty, late) == ("rejected", "account-deleted")
    assert text_left(superuser, words) == []
    superuser.dispose()


def test_an_interrupted_import_goes_on_where_it_was(
    harness: Harness, history: list[Pair], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    before = contents(harness.engine)
    empty: Harness = request.getfixturevalue("empty")
    command = [sys.executable, "-c", "from cli.main import main; main()", "events", "import"]
    process = subprocess.Popen(
        [*command, str(file), "--yes", "--rate", "5"], stderr=subprocess.PIPE, text=True
    )
    while not contents(empty.engine)["event_log.event"]:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    with empty.engine.connect() as connection:
        known = pauses.paused(connection)
    assert len(known) == SETTINGS.partitions
    assert all(one.reason.startswith("import of export") for one in known)
    assert {one.by for one in known} == {"import"}
    refused = events("resume", "all")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "an import that is not complete" in str(refused.exception)
    done = told("import", str(file), "--yes")
    assert done["resumed"]
    assert done["restored_before"] > 0
    assert contents(empty.engine) == before


def test_an_import_from_standard_input_cannot_ask(stack_of_servers: State) -> None:
    refused = events("import", "-", stdin="y\n")
    assert refused.exit_code == 2
    assert "needs --yes" in refused.stderr


def test_an_import_asks_first(
    history: list[Pair], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    empty: Harness = request.getfixturevalue("empty")
    result = events("import", str(file), stdin="n\n")
    assert result.exit_code == 1
    assert contents(empty.engine)["event_log.event"] == []
