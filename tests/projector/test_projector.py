"""What the projector promises: once, in order, one at a time, and no bad event stops others."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
import structlog
from sqlalchemy import text
from structlog.testing import LogCapture

from events import checkpoints
from events.contracts.envelope import Envelope, read_event
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from events.entries import Entry
from runtime.ids import AccountId, ConversationId, conversation_of, new_id, new_message_id
from tests.projector.conftest import Harness
from tests.projector.test_model import query
from workers.applying import Applier
from workers.drained import Halt

# What a standby that is two messages behind still says of a conversation of five.
TURN_BACK = """
UPDATE event_log.checkpoint AS c SET number = number - 2, "offset" = e."offset"
FROM event_log.event AS e
WHERE e.conversation_id = :id AND e.position = 3 AND c.partition = e.partition;
UPDATE read_model.conversation SET last_position = 3 WHERE id = :id;
UPDATE read_model.conversation_member SET unread_count = unread_count - 2
WHERE conversation_id = :id AND unread_count > 0;
DELETE FROM read_model.message WHERE conversation_id = :id AND position > 3
"""


class Pair:
    """Two new people and their conversation."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.one, self.other = AccountId(new_id()), AccountId(new_id())
        self.conversation = conversation_of(self.one, self.other)

    def sent(self, body: str = "hello") -> Envelope:
        event = MessageSent(
            message_id=new_message_id(self.conversation),
            conversation_id=self.conversation,
            recipient_id=self.other,
            body=body,
        )
        return self.harness.envelope(event, self.one)

    def bodies(self) -> list[str]:
        rows = query(
            self.harness,
            "SELECT body FROM read_model.message WHERE conversation_id = :id ORDER BY position",
            id=self.conversation,
        )
        return [row.body for row in rows]


@pytest.fixture
def pair(harness: Harness) -> Pair:
    return Pair(harness)


def outcome_of(harness: Harness, envelope: Envelope) -> tuple[str, str | None] | None:
    rows = query(
        harness, "SELECT outcome, reason FROM event_log.event WHERE id = :id", id=envelope.id
    )
    return (rows[0].outcome, rows[0].reason) if rows else None


def dead_letters(harness: Harness, conversation: ConversationId) -> Sequence[tuple[str, int]]:
    rows = query(
        harness,
        "SELECT reason, attempts FROM event_log.dead_letter WHERE conversation_id = :id"
        ' ORDER BY "offset"',
        id=conversation,
    )
    return [(row.reason, row.attempts) for row in rows]


def test_a_drain_of_an_empty_partition_does_nothing(harness: Harness) -> None:
    harness.drain_all()
    assert all(d.applied == d.rejected == d.parked == 0 for d in harness.drain_all())


def test_positions_are_gapless_over_many_batches(harness: Harness, pair: Pair) -> None:
    for number in range(25):
        harness.append(pair.sent(f"{number}"))
    harness.drain_all(batch_size=4)
    assert pair.bodies() == [f"{number}" for number in range(25)]
    rows = query(
        harness,
        "SELECT position FROM read_model.message WHERE conversation_id = :id ORDER BY position",
        id=pair.conversation,
    )
    assert [row.position for row in rows] == list(range(1, 26))


def again(harness: Harness, pair: Pair, first: Envelope) -> Envelope:
    """Make poison: a message id that is taken, which the schema refuses, not the contract."""
    assert isinstance(first.event, MessageSent)
    sent = dataclasses.replace(first.event, body="again")
    return harness.envelope(sent, pair.one)


def test_one_poison_event_parks_its_conversation_alone_and_in_order(
    harness: Harness, pair: Pair
) -> None:
    others = [Pair(harness) for _ in range(12)]
    first, behind = pair.sent("first"), pair.sent("behind")
    poison = again(harness, pair, first)
    assert isinstance(first.event, MessageSent)
    edit = harness.envelope(
        MessageEdited(message_id=first.event.message_id, changes={"body": "edited"}), pair.one
    )
    for other in others[:6]:
        harness.append(other.sent("before"))
    harness.append(first)
    harness.append(poison)
    harness.append(behind)
    harness.append(edit)
    for other in others:
        harness.append(other.sent("after"))
    drained = harness.drain_all()

    assert pair.bodies() == ["first"]
    assert outcome_of(harness, first) == ("applied", None)
    kind, reason = outcome_of(harness, poison) or ("", "")
    assert kind == "parked"
    assert "duplicate key" in (reason or "")
    assert outcome_of(harness, behind) == (
        "parked",
        "waits behind a dead letter of its conversation",
    )
    assert outcome_of(harness, edit) == ("parked", "waits behind a dead letter of its conversation")
    assert [attempts for _, attempts in dead_letters(harness, pair.conversation)] == [1, 0, 0]
    assert [other.bodies() for other in others[:6]] == [["before", "after"]] * 6
    assert [other.bodies() for other in others[6:]] == [["after"]] * 6
    assert sum(d.parked for d in drained) == 3


def test_what_comes_later_in_another_batch_still_waits(harness: Harness, pair: Pair) -> None:
    first = pair.sent("first")
    harness.append(first)
    harness.append(again(harness, pair, first))
    harness.drain_all()
    later = pair.sent("later")
    harness.append(later)
    harness.drain_all()
    assert outcome_of(harness, later) == (
        "parked",
        "waits behind a dead letter of its conversation",
    )
    assert pair.bodies() == ["first"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: b"not json",
        lambda entry: b'{"type": "message.sent.v1"}',
        lambda entry: entry.replace(b"message.sent.v1", b"message.sent.v99"),
        lambda entry: entry.replace(b'"body":"hello"', b'"body":null'),
        lambda entry: entry.replace(b'"body":"hello"', b'"body":"\\u0000"'),
    ],
)
def test_an_unreadable_entry_is_set_aside_as_it_was_found(
    harness: Harness, pair: Pair, spoil: object
) -> None:
    assert callable(spoil)
    healthy = Pair(harness)
    entry = spoil(pair.sent().encode())
    partition = harness.queue.partition_of(pair.sent())
    client = harness.queue._redis
    number = client.hincrby("queue:numbers", partition, 1)
    offset = client.xadd(f"queue:{partition}", {"n": number, "e": entry}).decode()
    harness.append(healthy.sent("fine"))
    harness.drain_all()
    assert healthy.bodies() == ["fine"]
    ms, seq = offset.split("-")
    [letter] = query(
        harness,
        'SELECT entry, state, traceback FROM event_log.dead_letter WHERE "offset" = :o',
        o=f"{int(ms):020d}-{int(seq):020d}",
    )
    assert (bytes(letter.entry), letter.state) == (entry, "parked")
    assert "PoisonEventError" in letter.traceback


def test_many_projectors_at_once_apply_each_event_once(harness: Harness, pair: Pair) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def drain_until_stopped() -> None:
        try:
            while not stop.is_set():
                harness.drain_all(batch_size=3)
        except BaseException as error:  # noqa: BLE001  # reported by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=drain_until_stopped) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(150):
        harness.append(pair.sent(f"{number}"))
    stop.set()
    for thread in threads:
        thread.join()
    harness.drain_all()
    assert failures == []
    assert pair.bodies() == [f"{number}" for number in range(150)]


def test_an_event_appended_during_a_drain_is_applied_by_it(
    harness: Harness, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    projector = harness.projector()
    partition = harness.queue.partition_of(pair.sent())
    harness.append(pair.sent("first"))
    original, late = type(harness.queue).read, [pair.sent("late")]

    def read_then_append(*arguments: object, **named: object) -> list[Entry]:
        found = original(*arguments, **named)  # type: ignore[arg-type]  # passed through
        if late:
            harness.append(late.pop())
        return found

    monkeypatch.setattr(type(harness.queue), "read", read_then_append)
    drained = projector.drain(partition)
    assert drained.applied == 2
    assert pair.bodies() == ["first", "late"]


def test_deleting_for_everyone_takes_the_text_out_of_the_log(harness: Harness, pair: Pair) -> None:
    sent = pair.sent("a secret")
    assert isinstance(sent.event, MessageSent)
    message = sent.event.message_id
    harness.append(sent)
    edit = MessageEdited(message_id=message, changes={"body": "another secret"})
    harness.append(harness.envelope(edit, pair.one))
    harness.drain_all()
    deletion = MessageDeleted(message_id=message, audience="everyone")
    harness.append(harness.envelope(deletion, pair.one))
    harness.drain_all()
    rows = query(harness, "SELECT data FROM event_log.event WHERE message_id = :id", id=message)
    assert len(rows) == 3
    assert b"secret" not in orjson.dumps([row.data for row in rows])


def test_an_older_checkpoint_applies_the_retained_tail_again(harness: Harness, pair: Pair) -> None:
    """A failover to a standby that was behind: its checkpoint and its rows are older together."""
    for number in range(5):
        harness.append(pair.sent(f"{number}"))
    harness.drain_all()
    with harness.engine.begin() as connection:
        for statement in TURN_BACK.split(";"):
            connection.execute(text(statement), {"id": pair.conversation})
    with harness.engine.begin() as connection:
        # The worker may not delete from the log; a failover forgets rows all the same.
        connection.execute(
            text(
                "UPDATE event_log.event SET id = gen_random_uuid(), partition = partition + 100"
                " WHERE conversation_id = :id AND position > 3"
            ),
            {"id": pair.conversation},
        )
    harness.drain_all()
    assert pair.bodies() == ["0", "1", "2", "3", "4"]
    [member] = query(
        harness,
        "SELECT unread_count FROM read_model.conversation_member"
        " WHERE conversation_id = :id AND account_id = :account",
        id=pair.conversation,
        account=pair.other,
    )
    assert member.unread_count == 5


def test_a_lingering_projector_takes_what_comes_without_another_wake_up(
    harness: Harness, pair: Pair
) -> None:
    partition = harness.queue.partition_of(pair.sent())
    projector = harness.projector(linger_ms=1_000)
    late = threading.Timer(0.2, lambda: harness.append(pair.sent("late")))
    harness.append(pair.sent("first"))
    late.start()
    drained = projector.drain(partition)
    late.join()
    assert drained.applied == 2
    assert pair.bodies() == ["first", "late"]
    # Silent again: the next append has to wake somebody.
    assert harness.queue.ring(partition)


def test_two_projectors_that_meet_the_same_poison_skip_nothing(
    harness: Harness, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other takes the checkpoint while we look for the poison, meets it too, and rolls back."""
    first = pair.sent("first")
    harness.append(first)
    harness.drain_all()
    innocent = Pair(harness)
    while harness.queue.partition_of(innocent.sent()) != harness.queue.partition_of(first):
        innocent = Pair(harness)
    assert isinstance(first.event, MessageSent)
    poison = harness.envelope(dataclasses.replace(first.event, body="again"), pair.one)
    for envelope in (innocent.sent("0"), innocent.sent("1"), poison, innocent.sent("2")):
        harness.append(envelope)
    projector = harness.projector()
    partition = harness.queue.partition_of(first)
    original, other = Applier.transact, harness.engine.connect()

    def in_the_way(*arguments: Any, **named: Any) -> Halt | None:
        monkeypatch.setattr(Applier, "transact", original)
        checkpoints.lock(other, partition)
        try:
            return original(*arguments, **named)
        finally:
            other.rollback()

    monkeypatch.setattr(Applier, "transact", in_the_way)
    with other:
        drained = projector.drain(partition)
    assert drained.busy
    harness.drain_all()
    assert innocent.bodies() == ["0", "1", "2"]
    assert (outcome_of(harness, poison) or ("", ""))[0] == "parked"


def test_the_text_of_an_edit_that_was_refused_is_not_kept(harness: Harness, pair: Pair) -> None:
    sent = pair.sent()
    assert isinstance(sent.event, MessageSent)
    edit = MessageEdited(message_id=sent.event.message_id, changes={"body": "not mine to write"})
    refused = harness.envelope(edit, pair.other)
    harness.append(sent)
    harness.append(refused)
    harness.drain_all()
    assert outcome_of(harness, refused) == ("rejected", "message-not-found")
    [row] = query(harness, "SELECT data FROM event_log.event WHERE id = :id", id=refused.id)
    assert row.data == {"message_id": str(sent.event.message_id), "redacted": True}
    assert read_event("message.edited.v1", row.data) == dataclasses.replace(
        edit, changes={}, redacted=True
    )


def test_the_log_names_each_event_and_its_request(
    harness: Harness, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests configure logging for the whole process: listen to this one logger alone.
    heard = LogCapture()
    logger = structlog.wrap_logger(None, processors=[heard])
    monkeypatch.setattr("workers.applying._log", logger)
    sent = dataclasses.replace(pair.sent(), request_id="request-of-this-test")
    harness.append(sent)
    harness.drain_all()
    [line] = [entry for entry in heard.entries if entry["event"] == "projection.committed"]
    assert line["partition"] == harness.queue.partition_of(sent)
    assert line["events"] == [(str(sent.id), "request-of-this-test", "applied")]


def test_the_log_names_a_parked_event_without_quoting_it(
    harness: Harness, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = LogCapture()
    monkeypatch.setattr("workers.applying._log", structlog.wrap_logger(None, processors=[heard]))
    first = pair.sent()
    assert isinstance(first.event, MessageSent)
    again = dataclasses.replace(first.event, body="these are my words")
    poison = harness.envelope(again, pair.one)
    harness.append(first)
    harness.drain_all()
    harness.append(poison)
    harness.drain_all()
    [line] = [entry for entry in heard.entries if entry["event"] == "projection.parked"]
    assert line["event_id"] == str(poison.id)
    assert set(line) == {"event", "log_level", "partition", "offset", "event_id"}
    assert "my words" not in str(heard.entries)


def test_the_bell_does_not_run_out_while_its_partition_is_attended_to(
    harness: Harness, pair: Pair
) -> None:
    partition = harness.queue.partition_of(pair.sent())
    harness.queue.clear_bell(partition)
    assert harness.queue.ring(partition)
    client = harness.queue._redis
    client.pexpire(f"bell:{partition}", 100)
    harness.queue.keep_bell(partition)
    assert client.pttl(f"bell:{partition}") > 1_000
    harness.queue.clear_bell(partition)
    harness.queue.keep_bell(partition)  # A silent bell stays silent.
    assert not client.exists(f"bell:{partition}")
