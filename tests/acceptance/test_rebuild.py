"""Rebuild, rollback, verification and replay through PGPool, while people write and read."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.people import Person, Register
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack


@pytest.fixture
def people(stack: RunningStack, register: Register) -> Iterator[tuple[Person, Person]]:
    yield register("ann"), register("bea")
    discarded = stack.messaging("events", "rebuild", "--discard", "--yes")
    assert discarded.returncode == 0, discarded.stderr


@contextmanager
def meanwhile(*acts: Callable[[], None]) -> Iterator[list[str]]:
    """Repeat each act in a thread of its own; give what went wrong."""
    over, wrong = threading.Event(), list[str]()

    def repeat(act: Callable[[], None]) -> None:
        while not over.is_set():
            try:
                act()
            except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
                wrong.append(repr(error))
            time.sleep(0.02)

    threads = [threading.Thread(target=repeat, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def test_people_notice_nothing_of_a_rebuild_and_of_its_rollback(
    stack: RunningStack, people: tuple[Person, Person]
) -> None:
    one, other = people
    sent = 0

    def write_and_read() -> None:
        nonlocal sent
        sent += 1
        answer = one.send(other, f"message {sent}")
        [newest, *_] = other.see(f"conversations/{one.username}/messages?limit=1", answer)["items"]
        assert (newest["position"], newest["body"]) == (sent, f"message {sent}")

    seen = 0

    def read() -> None:
        nonlocal seen
        answer = other.http.get("/query/v1/unread")
        assert answer.status_code == 200, answer.text
        unread = answer.json()["total"]
        assert unread >= seen
        seen = unread

    with meanwhile(write_and_read, read) as wrong:
        rebuilt = stack.messaging("events", "rebuild", "--yes", "--json")
        verified = stack.messaging("events", "verify", "--json")
        rolled = stack.messaging("events", "rebuild", "--rollback", "--yes", "--json")
        replayed = stack.messaging("events", "replay", "--account", one.username, "--yes")
    for done in (rebuilt, verified, rolled, replayed):
        assert done.returncode == 0, done.stdout + done.stderr
    assert wrong == []
    assert seen
    assert json.loads(rebuilt.stdout)["differing_conversations"] == {}
    assert json.loads(rolled.stdout)["differing_conversations"] == {}
    assert stack.messaging("events", "verify").returncode == 0


def test_what_was_forged_on_the_primary_is_mended_for_readers_of_the_replica(
    stack: RunningStack, people: tuple[Person, Person]
) -> None:
    one, other = people
    sent = one.send(other, "as it was written")
    message = sent.json()["message_id"]
    assert other.see(f"messages/{message}", sent)["body"] == "as it was written"
    with stack.connect("worker").cursor() as cursor:
        cursor.execute("UPDATE read_model.message SET body = 'forged' WHERE id = %s", [message])
    verified = stack.messaging("events", "verify", "--account", one.username)
    assert verified.returncode == 1
    assert "as it was written" not in verified.stdout
    mended = stack.messaging("events", "replay", "--account", one.username, "--yes")
    assert mended.returncode == 0, mended.stderr
    later = one.send(other, "after it")
    assert other.see(f"messages/{message}", later)["body"] == "as it was written"
