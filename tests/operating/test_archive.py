"""`messaging events export` and `import`: what comes out goes in, and nothing else is there."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Row, text

from events.archive import ArchiveError
from events.contracts.accounts import AccountDeleted
from events.contracts.conversations import ConversationRead
from events.contracts.messages import MessageDeleted, MessageEdited
from events.opening import ensure_open
from events.queue import EventQueue
from local_stack.state import State
from runtime.clock import utc_now
from runtime.ids import Partition
from runtime.redis_client import connect
from runtime.settings import RedisSettings, Secret
from tests.operating.conftest import events, state_of, told
from tests.projector.conftest import SETTINGS, Harness, engine_of
from tests.projector.mischief import POISON, message_of, put_entry, refusing
from tests.projector.test_projector import Pair
from tests.servers import Servers, running
from workers.restoring import NotEmptyError

TABLES = (
    "event_log.event",
    "event_log.dead_letter",
    "event_log.deleted_account",
    "read_model.conversation",
    "read_model.conversation_member",
    "read_model.message",
    "read_model.account_revision",
)


@pytest.fixture(scope="module")
def other_servers() -> Iterator[Servers]:
    with running() as started:
        yield started


@pytest.fixture
def empty(
    other_servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Harness]:
    """Another stack, without a single event; `messaging` speaks to it from now on."""
    clear(other_servers)
    state_of(other_servers, tmp_path / "empty")
    engine = engine_of(other_servers, "worker")
    client = connect(RedisSettings(url=other_servers.redis_url(), password=Secret("-")))
    queue = EventQueue(client, SETTINGS)
    ensure_open(queue, engine, clock=utc_now)
    monkeypatch.setenv("MESSAGING_STATE", str(tmp_path / "empty"))
    yield Harness(queue=queue, engine=engine)
    engine.dispose()
    client.connection_pool.disconnect()


def clear(servers: Servers) -> None:
    superuser = engine_of(servers, "postgres")
    with superuser.begin() as connection:
        for table in (*TABLES, "event_log.checkpoint", "event_log.queue_epoch"):
            connection.execute(text(f"TRUNCATE {table} CASCADE"))
    superuser.dispose()
    client = connect(RedisSettings(url=servers.redis_url(), password=Secret("-")))
    client.flushall()
    client.connection_pool.disconnect()


@pytest.fixture
def history(harness: Harness, pair: Pair, superuser: Engine, stack_of_servers: State) -> list[Pair]:
    """Something of everything: edits, deletions, reads, an erasure, poison, unreadable entries."""
    pairs = [pair, *(Pair(harness) for _ in range(5))]
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
    put_entry(harness, pair, b"\xff not json")
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
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


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


@pytest.mark.parametrize("spoil", ["cut", "torn", "zipped", "foreign"])
def test_a_damaged_export_is_told_and_can_be_replaced(
    history: list[Pair], tmp_path: Path, request: pytest.FixtureRequest, spoil: str
) -> None:
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    whole = file.read_bytes()
    request.getfixturevalue("empty")
    damaged = tmp_path / ("damaged.gz" if spoil == "zipped" else "damaged")
    damaged.write_bytes(
        {
            "cut": b"".join(whole.splitlines(keepends=True)[:-1]),
            "torn": whole[: len(whole) // 2],
            "zipped": gzip.compress(whole)[:-200],
            "foreign": b'{"hello": "world"}\n',
        }[spoil]
    )
    result = events("import", str(damaged), "--yes")
    assert isinstance(result.exception, ArchiveError)
    again = told("import", str(file), "--yes")
    assert again["resumed"] == (spoil != "foreign")


def test_an_interrupted_import_goes_on_where_it_was(
    harness: Harness, history: list[Pair], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "log.jsonl"
    events("export", str(file))
    before = contents(harness.engine)
    empty: Harness = request.getfixturevalue("empty")
    command = [sys.executable, "-c", "from cli.main import main; main()", "events", "import"]
    process = subprocess.Popen(
        [*command, str(file), "--yes", "--rate", "20"], stderr=subprocess.PIPE, text=True
    )
    while not contents(empty.engine)["event_log.event"]:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    paused = [row[3] for row in contents(empty.engine)["checkpoint"]]
    assert all(reason.startswith("import of export") for reason in paused)
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
