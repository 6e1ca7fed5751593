"""A deleted account: nothing of its text is left, peers keep tombstones, its name comes free."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from events.contracts.accounts import AccountDeleted
from events.contracts.conversations import ConversationRead
from events.contracts.envelope import Envelope, read_event
from events.contracts.messages import MessageEdited, MessageSent
from events.opening import ensure_open
from events.queue import EventQueue
from runtime.clock import utc_now
from runtime.ids import (
    AccountId,
    Partition,
    conversation_of,
    new_erasure_id,
    new_id,
    new_message_id,
)
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.test_model import query
from tests.projector.test_projector import outcome_of
from tests.servers import Servers
from workers.sweep import Swept, sweep

SECRET = "the treasure lies under the oak"


@pytest.fixture
def superuser(servers: Servers) -> Iterator[Engine]:
    made = create_engine(servers.database_url("postgres"), poolclass=NullPool)
    yield made
    with made.begin() as tx:
        tx.execute(text("DELETE FROM identity.account"))


class Person:
    """An account, and what it does."""

    def __init__(self, harness: Harness, superuser: Engine) -> None:
        self.harness, self.superuser = harness, superuser
        self.id = AccountId(new_id())
        self.name = f"p-{self.id}"
        with superuser.begin() as tx:
            tx.execute(
                text(
                    "INSERT INTO identity.account (id, username, email, email_key, password_hash,"
                    " created_at) VALUES (:id, :name, :name, :name, '-', now())"
                ),
                {"id": self.id, "name": self.name},
            )

    def sent(self, to: Person, body: str = SECRET) -> Envelope:
        conversation = conversation_of(self.id, to.id)
        event = MessageSent(
            message_id=new_message_id(conversation),
            conversation_id=conversation,
            recipient_id=to.id,
            body=body,
            subject=body,
        )
        return self.harness.envelope(event, self.id)

    def edited(self, sent: Envelope) -> Envelope:
        assert isinstance(sent.event, MessageSent)
        event = MessageEdited(message_id=sent.event.message_id, changes={"body": SECRET})
        return self.harness.envelope(event, self.id)

    def read(self, peer: Person, up_to: int) -> Envelope:
        conversation = conversation_of(self.id, peer.id)
        event = ConversationRead(conversation_id=conversation, peer_id=peer.id, up_to=up_to)
        return self.harness.envelope(event, self.id)

    def leave(self, ordered_by: str = "owner") -> None:
        """As auth_api, or an operator, deletes an account."""
        values = {"id": self.id, "event": new_erasure_id(), "by": ordered_by}
        with self.superuser.begin() as tx:
            tx.execute(
                text("UPDATE identity.account SET deleted_at = now() WHERE id = :id"), values
            )
            tx.execute(
                text(
                    "INSERT INTO identity.erasure (account_id, event_id, requested_at, ordered_by)"
                    " VALUES (:id, :event, now(), :by)"
                ),
                values,
            )

    def username(self) -> str | None:
        [row] = query_as(
            self.superuser, "SELECT username FROM identity.account WHERE id = :id", id=self.id
        )
        found: str | None = row.username
        return found

    def member(self, peer: Person) -> Any:
        [row] = query(
            self.harness,
            "SELECT * FROM read_model.conversation_member"
            " WHERE account_id = :me AND peer_id = :peer",
            me=self.id,
            peer=peer.id,
        )
        return row


def query_as(engine: Engine, statement: str, **values: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(statement), values))


def swept(harness: Harness, queue: EventQueue | None = None) -> Swept:
    return sweep(
        queue or harness.queue,
        harness.engine,
        clock=utc_now,
        retention_seconds=86_400,
        wake=lambda _: None,
    )


def text_left(superuser: Engine, words: str) -> list[str]:
    """Return the tables in which `words` are to be found, dead letters decoded."""
    tables = query_as(
        superuser,
        "SELECT schemaname AS schema, tablename AS name FROM pg_tables"
        " WHERE schemaname IN ('identity', 'event_log', 'read_model')",
    )
    return [
        f"{table.schema}.{table.name}"
        for table in tables
        if query_as(
            superuser,
            f"SELECT 1 FROM {table.schema}.{table.name} AS t"
            " WHERE position(:words IN t::text) > 0 OR position(:hex IN t::text) > 0 LIMIT 1",
            words=words,
            hex=words.encode().hex(),
        )
    ]


def test_nothing_is_left_of_a_deleted_accounts_text_and_its_name_is_free(
    harness: Harness, superuser: Engine
) -> None:
    swept(harness)
    gone, peers = Person(harness, superuser), [Person(harness, superuser) for _ in range(8)]
    sent = [gone.sent(peer) for peer in peers for _ in range(3)]
    answers = [peer.sent(gone, "an answer") for peer in peers]
    foreign = gone.edited(answers[0])  # Rejected, and yet it holds text.
    harness.append(*sent, *answers, *[gone.edited(one) for one in sent], foreign)
    harness.append(peers[0].read(gone, 1))
    harness.drain_all(batch_size=5)
    assert set(text_left(superuser, SECRET)) == {"event_log.event", "read_model.message"}
    assert peers[0].member(gone).unread_count == 2
    assert peers[1].member(gone).unread_count == 3

    gone.leave()
    assert swept(harness).erasures == 1
    assert gone.username() == gone.name
    harness.drain_all(batch_size=5)
    assert text_left(superuser, SECRET) == []
    for peer, answer in zip(peers, answers, strict=True):
        assert (peer.member(gone).unread_count, gone.member(peer).unread_count) == (0, 1)
        assert peer.member(gone).last_message_id == answer.event.message
        rows = query(
            harness,
            "SELECT position, body, subject, deleted_at FROM read_model.message"
            " WHERE conversation_id = :id ORDER BY position",
            id=conversation_of(gone.id, peer.id),
        )
        assert [row.position for row in rows] == [1, 2, 3, 4]
        assert [row.deleted_at is None for row in rows] == [False, False, False, True]
        assert [row.body for row in rows] == [None, None, None, "an answer"]
    assert gone.username() == gone.name
    assert swept(harness).erasures == 0
    assert gone.username() is None
    assert text_left(superuser, gone.name) == []


def test_every_row_of_the_log_is_readable_after_an_erasure(
    harness: Harness, superuser: Engine
) -> None:
    """A rebuild folds the log: nothing in it may be poison."""
    swept(harness)
    gone, peer = Person(harness, superuser), Person(harness, superuser)
    first, answer = gone.sent(peer), peer.sent(gone, "an answer")
    refused = peer.edited(first)
    harness.append(first, answer, gone.edited(first), refused, gone.read(peer, 1))
    gone.leave(ordered_by="operator")
    swept(harness)
    harness.append(gone.sent(peer), gone.edited(first), gone.read(peer, 1))
    harness.drain_all()
    rows = query(
        harness,
        "SELECT id, type, data, message_id FROM event_log.event WHERE actor_id IN (:gone, :peer)",
        gone=gone.id,
        peer=peer.id,
    )
    events = {row.id: read_event(row.type, row.data) for row in rows}
    assert len(events) == 8 + SETTINGS.partitions
    for row in rows:
        assert events[row.id].message == row.message_id
        assert events[row.id].payload() == row.data
    read = {type(event): event for event in events.values()}[AccountDeleted]
    assert isinstance(read, AccountDeleted)
    assert (read.account_id, read.ordered_by) == (gone.id, "operator")
    assert events[answer.id] == answer.event
    assert events[first.id] != first.event


def test_a_deletion_of_version_1_is_applied_as_its_owners(
    harness: Harness, superuser: Engine
) -> None:
    """The queue may hold what an earlier release appended."""
    gone, peer = Person(harness, superuser), Person(harness, superuser)
    sent = gone.sent(peer)
    harness.append(sent)
    partition = harness.queue.partition_of(sent)
    event = AccountDeleted(
        account_id=gone.id,
        in_partition=partition,
        of_partitions=SETTINGS.partitions,
        ordered_by="owner",
    )
    entry = orjson.loads(harness.envelope(event, gone.id).encode())
    del entry["data"]["ordered_by"]
    old = {**entry, "type": "account.deleted.v1"}
    client = harness.queue._redis
    number = client.hincrby("queue:numbers", partition, 1)
    client.xadd(f"queue:{partition}", {"n": number, "e": orjson.dumps(old)})
    harness.drain_all()
    [row] = query(harness, "SELECT * FROM event_log.event WHERE id = :id", id=UUID(old["id"]))
    assert (row.type, row.outcome) == ("account.deleted.v2", "applied")
    assert row.data == {**old["data"], "ordered_by": "owner"}
    assert text_left(superuser, SECRET) == []


def test_what_comes_after_the_deletion_is_rejected_without_its_text(
    harness: Harness, superuser: Engine
) -> None:
    swept(harness)
    gone, peer = Person(harness, superuser), Person(harness, superuser)
    first = gone.sent(peer)
    harness.append(first)
    gone.leave()
    swept(harness)
    late, edit, reading = gone.sent(peer), gone.edited(first), gone.read(peer, 1)
    to_nobody = peer.sent(gone, "are you there?")
    harness.append(late, edit, reading, to_nobody)
    harness.drain_all()
    for envelope in (late, edit, reading):
        assert outcome_of(harness, envelope) == ("rejected", "account-deleted")
    assert outcome_of(harness, to_nobody) == ("rejected", "recipient-deleted")
    later, late_answer = gone.sent(peer), peer.sent(gone, "hello?")
    harness.append(later, late_answer)
    harness.drain_all()
    assert outcome_of(harness, later) == ("rejected", "account-deleted")
    assert outcome_of(harness, late_answer) == ("rejected", "recipient-deleted")
    assert text_left(superuser, SECRET) == []


def test_what_was_set_aside_loses_its_text_and_stays_readable(
    harness: Harness, superuser: Engine
) -> None:
    swept(harness)
    gone, peer = Person(harness, superuser), Person(harness, superuser)
    first = gone.sent(peer)
    assert isinstance(first.event, MessageSent)
    again = harness.envelope(dataclasses.replace(first.event), gone.id)  # Poison: the same message.
    behind, answer = gone.sent(peer), peer.sent(gone, "an answer")
    harness.append(first)
    harness.append(again)
    harness.append(behind, answer)
    partition = harness.queue.partition_of(first)
    client = harness.queue._redis
    unreadable = gone.sent(peer).encode().replace(b"message.sent.v1", b"message.sent.v99")
    number = client.hincrby("queue:numbers", partition, 1)
    client.xadd(f"queue:{partition}", {"n": number, "e": unreadable})
    harness.drain_all()
    assert "event_log.dead_letter" in text_left(superuser, SECRET)

    gone.leave()
    swept(harness)
    harness.drain_all()
    assert text_left(superuser, SECRET) == []
    letters = query(
        harness,
        "SELECT entry, state, traceback FROM event_log.dead_letter WHERE conversation_id = :id"
        ' ORDER BY "offset"',
        id=first.event.conversation_id,
    )
    assert [letter.state for letter in letters] == ["parked"] * 4
    for letter, envelope in zip(letters, (again, behind, answer), strict=False):
        assert Envelope.decode(bytes(letter.entry)).id == envelope.id
    assert b"an answer" in bytes(letters[2].entry)
    swept(harness)
    assert gone.username() is None


@pytest.mark.parametrize("after", ["in the next batch", "in the same batch"])
def test_what_cannot_be_read_and_comes_after_the_deletion_is_set_aside_without_its_text(
    harness: Harness, superuser: Engine, after: str
) -> None:
    swept(harness)
    gone, peer = Person(harness, superuser), Person(harness, superuser)
    gone.leave()
    swept(harness)
    if after == "in the next batch":
        harness.drain_all()
    late, answer = gone.sent(peer), peer.sent(gone, "an answer")
    of_no_version = late.encode().replace(b"message.sent.v1", b"message.sent.v99")
    of_a_later_one = answer.encode().replace(b"message.sent.v1", b"message.sent.v99")
    for entry in (of_no_version, late.encode()[:-9], b"[" + late.encode() + b"]", of_a_later_one):
        partition = harness.queue.partition_of(late)
        number = harness.queue._redis.hincrby("queue:numbers", partition, 1)
        harness.queue._redis.xadd(f"queue:{partition}", {"n": number, "e": entry})
    harness.drain_all()
    assert text_left(superuser, SECRET) == []
    letters = query(
        harness,
        "SELECT event_id, conversation_id, entry FROM event_log.dead_letter"
        " WHERE parked_at > now() - interval '1 minute' ORDER BY \"offset\" DESC LIMIT 4",
    )[::-1]
    assert [letter.event_id for letter in letters] == [late.id, None, None, answer.id]
    assert letters[0].conversation_id == late.event.conversation
    assert bytes(letters[3].entry) == of_a_later_one


def as_parked_before(superuser: Engine, after: str, values: dict[str, Any]) -> None:
    """Park a letter as the release before migration 0012 did, which knows nothing of `checked`."""
    with superuser.begin() as tx:
        tx.execute(
            text(
                'INSERT INTO event_log.dead_letter (partition, "offset", entry, original_entry,'
                " state, reason, traceback, attempts, parked_at, updated_at) VALUES (:partition,"
                " '9' || lpad(:after, 40, '0'), :entry, :original, :state, :reason, :traceback, 1,"
                " now(), now())"
            ),
            {"after": after, **values},
        )


def test_what_an_earlier_release_set_aside_of_a_deleted_account_is_purged(
    harness: Harness, superuser: Engine
) -> None:
    swept(harness)
    gone, peer = Person(harness, superuser), Person(harness, superuser)
    late, answer = gone.sent(peer), peer.sent(gone, "an answer")
    partition = harness.queue.partition_of(late)
    gone.leave()
    swept(harness)
    harness.drain_all()
    unreadable = late.encode().replace(b"message.sent.v1", b"message.sent.v99")
    quoted = {"reason": f'"{SECRET}" is refused', "traceback": SECRET, "partition": partition}
    kept = {"original": None, "state": "parked", **quoted, "reason": "-", "traceback": None}
    as_parked_before(superuser, "1", {**kept, "entry": answer.encode()})
    for number, (entry, original, state) in enumerate(
        ((unreadable, late.encode(), "parked"), (late.encode()[:-9], None, "discarded")), 2
    ):
        values = {"entry": entry, "original": original, "state": state, **quoted}
        as_parked_before(superuser, str(number), values)
    assert text_left(superuser, SECRET) == ["event_log.dead_letter"]
    swept(harness)
    assert text_left(superuser, SECRET) == []
    letters = query(
        harness,
        "SELECT entry, original_entry, reason, state FROM event_log.dead_letter"
        ' WHERE "offset" LIKE \'9%\' ORDER BY "offset"',
    )
    assert bytes(letters[0].entry) == answer.encode()
    # What can be read is decided on when it is retried; of the rest nothing may stay.
    assert Envelope.decode(bytes(letters[1].original_entry)).id == late.id
    assert bytes(letters[2].entry) == b'{"redacted":true}'
    assert [letter.state for letter in letters] == ["parked", "parked", "discarded"]
    assert query(harness, "SELECT FROM event_log.dead_letter WHERE NOT checked") == []
    with superuser.begin() as tx:
        tx.execute(text("DELETE FROM event_log.dead_letter WHERE \"offset\" LIKE '9%'"))


def test_an_erasure_is_queued_again_after_redis_was_lost(
    harness: Harness, superuser: Engine
) -> None:
    swept(harness)
    gone, peer = Person(harness, superuser), Person(harness, superuser)
    harness.append(gone.sent(peer))
    harness.drain_all()
    gone.leave()
    assert swept(harness).erasures == 1
    harness.projector().drain(Partition(0))
    harness.queue._redis.flushall()
    assert swept(harness).erasures == 1
    harness.drain_all()
    swept(harness)
    assert gone.username() is None
    assert text_left(superuser, SECRET) == []


def test_an_erasure_queued_twice_has_no_second_effect(harness: Harness, superuser: Engine) -> None:
    swept(harness)
    gone = Person(harness, superuser)
    gone.leave()
    assert swept(harness).erasures == 1
    with superuser.begin() as tx:  # As if the worker had died before it noted that.
        tx.execute(text("DELETE FROM event_log.queued_erasure"))
    assert swept(harness).erasures == 1
    assert swept(harness).erasures == 0
    drained = harness.drain_all()
    assert [d.applied for d in drained] == [1] * SETTINGS.partitions
    assert sum(d.rejected + d.parked for d in drained) == 0


def test_a_full_queue_holds_an_erasure_up_and_the_sweep_goes_on(
    harness: Harness, superuser: Engine
) -> None:
    swept(harness)
    gone = Person(harness, superuser)
    gone.leave()
    full = EventQueue(harness.queue._redis, dataclasses.replace(SETTINGS, limit=0))
    ensure_open(full, harness.engine, clock=utc_now)
    assert swept(harness, full).erasures == 0
    assert swept(harness).erasures == 1


def test_a_name_is_not_freed_while_one_partition_is_behind(
    harness: Harness, superuser: Engine
) -> None:
    swept(harness)
    gone = Person(harness, superuser)
    gone.leave()
    swept(harness)
    for partition in (0, 1, 3):
        harness.projector().drain(Partition(partition))
        swept(harness)
        assert gone.username() == gone.name
    harness.projector().drain(Partition(2))
    swept(harness)
    assert gone.username() is None
