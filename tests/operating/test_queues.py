"""`messaging events queues`, `pause` and `resume`."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace

import psycopg2
import pytest

from cli.events import connections, queues
from local_stack.state import State
from runtime.errors import MessagingError
from tests.operating.conftest import Harness, Pair, events, row_of, told
from tests.servers import Servers

pytestmark = pytest.mark.usefixtures("stack_of_servers")


def test_queues_tells_of_each_partition_how_far_it_is(harness: Harness, pair: Pair) -> None:
    harness.append(pair.sent("one"))
    harness.drain_all()
    partition = harness.queue.partition_of(pair.sent())
    applied = row_of(partition)
    assert set(applied) == {
        *("partition", "head", "checkpoint", "lag_events", "lag_seconds"),
        *("paused", "paused_since", "paused_reason", "parked", "next"),
        *("held", "held_since", "held_reason"),
    }
    assert (applied["lag_events"], applied["lag_seconds"]) == (0, 0.0)
    assert applied["head"] == applied["checkpoint"]
    harness.append(pair.sent("two"))
    harness.append(pair.sent("three"))
    behind = row_of(partition)
    assert behind["lag_events"] == 2
    assert behind["checkpoint"] == applied["checkpoint"] != behind["head"]
    harness.drain_all()
    assert row_of(partition)["lag_events"] == 0
    assert told("queues")["standbys"] == []


def test_queues_prints_a_table(harness: Harness) -> None:
    printed = events("queues").stdout
    assert "checkpoint" in printed
    assert "standby" in printed
    assert len(printed.splitlines()) >= 1 + len(harness.queue.partitions)


def test_a_reason_steers_no_terminal(stack_of_servers: State) -> None:
    evil = "\x1b]0;pwned\x07\x1b[2J\x9b2J\u202e\nreason"
    assert events("pause", "0", "--reason", evil).exit_code == 0
    watched = queues._text(
        connections.reading(stack_of_servers), connections.queue(stack_of_servers)
    )
    printed = (watched.plain, events("queues").stdout, events("queues", "--json").stdout)
    assert events("resume", "0").exit_code == 0
    for shown in printed:
        assert "pwned" in shown
        assert not set("\x1b\x07\x9b\u202e") & set(shown)
        assert "\nreason" not in shown


def test_ctrl_c_is_130_for_every_verb() -> None:
    """What none of them hears itself is told apart from "no" to a question, which is 1."""
    command = [sys.executable, "-c", "from cli.main import main; main()", "events"]
    process = subprocess.Popen(
        [*command, "queues", "--watch", "--json"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_paused_partition_applies_nothing_and_takes_commands(
    harness: Harness, pair: Pair
) -> None:
    partition = harness.queue.partition_of(pair.sent())
    name = str(partition)
    assert told("pause", name, "--reason", "a test") == {
        "paused": [partition],
        "now_paused": [partition],
    }
    harness.append(pair.sent("waits"))
    harness.drain_all()
    shown = row_of(partition)
    assert (shown["paused"], shown["paused_reason"], shown["lag_events"]) == (True, "a test", 1)
    assert pair.bodies() == []
    assert told("pause", name)["paused"] == []
    assert told("resume", name) == {"resumed": [partition], "now_paused": []}
    harness.drain_all()
    assert pair.bodies() == ["waits"]
    assert "none" in events("resume", "all").stdout


def test_pausing_and_resuming_under_load_loses_and_doubles_nothing(
    harness: Harness, pair: Pair
) -> None:
    stop, failures = threading.Event(), list[BaseException]()

    def drain() -> None:
        try:
            while not stop.is_set():
                harness.drain_all(batch_size=5)
        except BaseException as error:  # noqa: BLE001  # reported by the test's own thread
            failures.append(error)

    def send() -> None:
        for number in range(200):
            harness.append(pair.sent(f"{number}"))

    threads = [threading.Thread(target=drain) for _ in range(2)] + [threading.Thread(target=send)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        assert events("pause", "all").exit_code == 0
        # Once it is said to be paused nothing moves any more.
        before = row_of(harness.queue.partition_of(pair.sent()))["checkpoint"]
        assert len(told("queues")["partitions"]) == 4
        assert row_of(harness.queue.partition_of(pair.sent()))["checkpoint"] == before
        assert events("resume", "all").exit_code == 0
    threads[-1].join()
    stop.set()
    for thread in threads:
        thread.join()
    harness.drain_all()
    assert failures == []
    assert pair.bodies() == [f"{number}" for number in range(200)]


@pytest.mark.parametrize("which", ["4", "-1", "one", ""])
def test_a_partition_that_is_not_there_is_wrong_usage(which: str) -> None:
    assert events("pause", "--", which).exit_code == 2


def test_an_operator_writes_only_as_the_worker(servers: Servers, stack_of_servers: State) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=servers.postgres_port, user="operator", dbname="messaging"
    )
    change = "UPDATE event_log.checkpoint SET number = number"
    with connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(change)
        connection.rollback()
        cursor.execute("SET LOCAL ROLE worker")
        cursor.execute(change)
    connection.rollback()
    connection.close()


def test_a_database_that_is_away_is_one_line(stack_of_servers: State) -> None:
    record = stack_of_servers.record
    ports = {**record.ports, "primary": 9}
    stack_of_servers.save(replace(record, ports=ports))
    for verb in (["queues"], ["log"], ["dead-letters", "list"], ["pause", "0"]):
        result = events(*verb)
        assert isinstance(result.exception, MessagingError)
        assert "\n" not in str(result.exception)
