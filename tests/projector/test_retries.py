"""What was parked is applied after all: in order, once, through the same code as live events."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event, text

from events import checkpoints, waiting
from events.contracts.accounts import AccountDeleted
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageDeleted, MessageEdited
from events.contracts.offsets import Offset
from events.letters import LetterSelection
from events.selection import Selection
from runtime.clock import utc_now
from runtime.ids import ConversationId, Partition, conversation_of
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.mischief import POISON, mend, message_of, put_entry, refusing
from tests.projector.model import Model
from tests.projector.test_model import (
    Scenario,
    assert_conversation_equals,
    outcomes,
    query,
    revisions,
    steps,
)
from tests.projector.test_projector import Pair, dead_letters, outcome_of
from workers.pace import Pace
from workers.retries import Retried, retry
from workers.retry_plan import held, retry_all

REFUSED = f"body <> '{POISON}'"


@pytest.fixture
def pair(harness: Harness) -> Pair:
    return Pair(harness)


def letters_in(conversation: ConversationId) -> LetterSelection:
    return LetterSelection(events=Selection(conversations=(conversation,)))


def retry_among(harness: Harness, scenario: Scenario, *, at_once: int) -> None:
    """Retry what these people have parked; others' tests leave poison of their own."""
    for one, other in combinations(scenario.people, 2):
        with harness.engine.connect() as connection:
            found = held(connection, letters_in(conversation_of(one, other)))
        for _ in retry_all(harness.engine, found, clock=utc_now, pace=Pace(), at_once=at_once):
            pass


def retry_of(harness: Harness, pair: Pair, *, at_once: int = 1_000) -> list[Retried]:
    with harness.engine.connect() as connection:
        conversations = held(connection, letters_in(pair.conversation))
    steps = retry_all(harness.engine, conversations, clock=utc_now, pace=Pace(), at_once=at_once)
    return [step for _, step in steps]


def positions(harness: Harness, pair: Pair) -> list[int]:
    rows = query(
        harness,
        "SELECT position FROM event_log.event WHERE conversation_id = :id"
        ' AND position IS NOT NULL ORDER BY "offset"',
        id=pair.conversation,
    )
    return [row.position for row in rows]


def held_up(harness: Harness, pair: Pair, superuser: Engine) -> list[Envelope]:
    """Park a conversation: a poison message, its edit, two more messages."""
    poison = pair.sent(POISON)
    edit = MessageEdited(message_id=message_of(poison.event).message_id, changes={"subject": "new"})
    sent = [
        pair.sent("first"),
        poison,
        harness.envelope(edit, pair.one),
        pair.sent("third"),
        pair.sent("fourth"),
    ]
    for envelope in sent:
        harness.append(envelope)
    with refusing(superuser, REFUSED):
        harness.drain_all()
    assert pair.bodies() == ["first"]
    return sent


@pytest.mark.parametrize("at_once", [1, 2, 1_000])
def test_a_retry_after_the_mend_restores_order(
    harness: Harness, pair: Pair, superuser: Engine, at_once: int
) -> None:
    sent = held_up(harness, pair, superuser)
    done = retry_of(harness, pair, at_once=at_once)
    assert sum(step.applied for step in done) == 4
    assert (done[-1].failed, done[-1].left) == (None, None)
    assert pair.bodies() == ["first", POISON, "third", "fourth"]
    assert positions(harness, pair) == [1, 2, 3, 4]
    assert [outcome_of(harness, envelope) for envelope in sent] == [("applied", None)] * 5
    # The log holds again what the poison said, so that a rebuild brings it.
    [row] = query(harness, "SELECT data FROM event_log.event WHERE id = :id", id=sent[1].id)
    assert row.data["body"] == POISON
    # The conversation is free: what comes next is applied at once.
    harness.append(pair.sent("fifth"))
    harness.drain_all()
    assert pair.bodies()[-1] == "fifth"
    states = query(
        harness,
        "SELECT state, attempts FROM event_log.dead_letter WHERE conversation_id = :id"
        ' ORDER BY "offset"',
        id=pair.conversation,
    )
    assert [tuple(row) for row in states] == [("retried", 2), *[("retried", 1)] * 3]


def test_a_retry_stops_at_the_first_that_fails_again(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    held_up(harness, pair, superuser)
    with refusing(superuser, "body NOT IN ('third', 'nothing else')"):
        [step] = retry_of(harness, pair)
    assert (step.applied, step.failed is not None, step.left) == (2, True, step.failed)
    assert pair.bodies() == ["first", POISON]
    reasons = dead_letters(harness, pair.conversation)
    assert [attempts for _, attempts in reasons] == [2, 1, 1, 0]
    assert "mischief" in reasons[2][0]
    # What comes meanwhile still waits behind.
    harness.append(pair.sent("fifth"))
    harness.drain_all()
    assert pair.bodies() == ["first", POISON]
    retry_of(harness, pair)
    assert pair.bodies() == ["first", POISON, "third", "fourth", "fifth"]


def test_a_retry_while_nothing_is_mended_changes_nothing_but_the_attempts(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    held_up(harness, pair, superuser)
    # The edit is known by its message alone, whose sending is not applied.
    with refusing(superuser, REFUSED):
        for _ in range(2):
            [step] = retry_of(harness, pair)
            assert (step.applied, step.rejected) == (0, 0)
    assert [attempts for _, attempts in dead_letters(harness, pair.conversation)] == [3, 0, 0]
    assert pair.bodies() == ["first"]


class CrashError(BaseException):
    """The process dies."""


def test_a_crash_at_any_statement_leaves_all_or_nothing(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    held_up(harness, pair, superuser)
    before = everything(harness, pair)
    [conversation] = conversations_of(harness, pair)
    crashes = 0
    while crash_at(harness, crashes, conversation.partition, conversation.first):
        crashes += 1
        assert everything(harness, pair) == before
    assert crashes > 10
    assert pair.bodies() == ["first", POISON, "third", "fourth"]


def conversations_of(harness: Harness, pair: Pair) -> Any:
    with harness.engine.connect() as connection:
        return held(connection, letters_in(pair.conversation))


def crash_at(harness: Harness, number: int, partition: Partition, first: Offset) -> bool:
    """Retry, and die before the statement of this number; False where there are fewer."""
    left = [number]

    def before(_connection: Connection, *_rest: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise CrashError

    event.listen(harness.engine, "before_cursor_execute", before)
    try:
        retry(harness.engine, partition, first, clock=utc_now)
    except CrashError:
        return True
    finally:
        event.remove(harness.engine, "before_cursor_execute", before)
    return False


def everything(harness: Harness, pair: Pair) -> list[Any]:
    tables = (
        ("event_log.event", '"offset"'),
        ("event_log.dead_letter", '"offset"'),
        ("read_model.message", "position"),
        ("read_model.conversation_member", "account_id"),
    )
    statement = "SELECT * FROM {} WHERE conversation_id = :id ORDER BY {}"
    return [query(harness, statement.format(*table), id=pair.conversation) for table in tables]


@pytest.mark.parametrize("at_once", [1, 7])
def test_what_is_sent_while_a_retry_runs_comes_behind_it(
    harness: Harness, pair: Pair, superuser: Engine, at_once: int
) -> None:
    harness.append(pair.sent(POISON))
    for number in range(60):
        harness.append(pair.sent(f"{number}"))
    with refusing(superuser, REFUSED):
        harness.drain_all()
    stop, failures = threading.Event(), list[BaseException]()

    def live() -> None:
        try:
            while not stop.is_set():
                harness.drain_all(batch_size=3)
        except BaseException as error:  # noqa: BLE001  # reported by the test's own thread
            failures.append(error)

    def send() -> None:
        for number in range(60, 160):
            harness.append(pair.sent(f"{number}"))

    threads = [threading.Thread(target=live), threading.Thread(target=send)]
    for thread in threads:
        thread.start()
    retry_of(harness, pair, at_once=at_once)
    threads[1].join()
    stop.set()
    threads[0].join()
    harness.drain_all()
    retry_of(harness, pair, at_once=at_once)
    assert failures == []
    assert pair.bodies() == [POISON, *(f"{number}" for number in range(160))]
    assert dead_letters(harness, pair.conversation)[60:61] != []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=steps,
    refused=st.sampled_from(["position % 3 <> 0", "edited_at IS NULL", "subject IS NULL"]),
    mended_at=st.integers(0, 40),
    at_once=st.sampled_from([1, 2, 1_000]),
)
def test_after_the_mend_all_is_as_if_nothing_had_happened(
    harness: Harness,
    superuser: Engine,
    steps: list[tuple[Any, ...]],
    refused: str,
    mended_at: int,
    at_once: int,
) -> None:
    harness.drain_all()
    scenario, model, sent = Scenario(), Model(), list[Envelope]()
    with refusing(superuser, refused):
        for number, step in enumerate(steps):
            if number == mended_at:
                mend(superuser)
            made = scenario.event(step)
            if made is not None and not isinstance(made[0], AccountDeleted):
                envelope = harness.envelope(*made)
                model.fold(envelope)
                sent.append(envelope)
                harness.append(envelope)
            elif step[0] == "drain":
                harness.drain_all(batch_size=7)
                retry_among(harness, scenario, at_once=at_once)
        harness.drain_all(batch_size=7)
    retry_among(harness, scenario, at_once=at_once)
    harness.drain_all()

    assert outcomes(harness, sent) == model.outcomes
    for one, other in combinations(scenario.people, 2):
        assert_conversation_equals(harness, model, one, other)
    assert revisions(harness, scenario.people) == model.revisions
    with harness.engine.connect() as connection:
        partitions = map(Partition, range(SETTINGS.partitions))
        parked_now = [row for p in partitions for row in waiting.waiting(connection, p)]
    assert not {key for row in parked_now for key in row.keys} & set(scenario.messages)


def test_what_a_deleted_account_had_parked_is_refused(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    sent = held_up(harness, pair, superuser)
    gone = AccountDeleted(
        account_id=pair.one,
        in_partition=harness.queue.partition_of(sent[0]),
        of_partitions=SETTINGS.partitions,
        ordered_by="owner",
    )
    harness.append(harness.envelope(gone, pair.one))
    harness.drain_all()
    done = retry_of(harness, pair)
    assert [(step.applied, step.rejected) for step in done] == [(0, 4)]
    assert [outcome_of(harness, envelope) for envelope in sent[1:]] == [
        ("rejected", "account-deleted")
    ] * 4
    rows = query(harness, "SELECT data FROM event_log.event WHERE actor_id = :id", id=pair.one)
    assert POISON not in str(rows)


def test_a_deletion_that_was_parked_takes_the_text_out_of_the_log(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    sent = held_up(harness, pair, superuser)
    message = message_of(sent[1].event).message_id
    deletion = MessageDeleted(message_id=message, audience="everyone")
    harness.append(harness.envelope(deletion, pair.one))
    harness.drain_all()
    retry_of(harness, pair)
    rows = query(harness, "SELECT data FROM event_log.event WHERE message_id = :id", id=message)
    assert len(rows) == 3
    assert POISON not in str(rows)


def test_an_unreadable_edit_is_applied_with_what_waits_behind_it(
    harness: Harness, pair: Pair
) -> None:
    """As after an upgrade that knows its version: here its entry is put right."""
    first = pair.sent("first")
    message = message_of(first.event).message_id
    edits = [
        harness.envelope(MessageEdited(message_id=message, changes={"body": body}), pair.one)
        for body in ("second", "third")
    ]
    harness.append(first)
    harness.drain_all()
    entry = edits[0].encode()
    put_entry(harness, pair, entry.replace(b"edited.v1", b"edited.v99"))
    harness.append(edits[1])
    harness.append(pair.sent("another"))
    harness.drain_all()
    assert pair.bodies() == ["first"]
    assert [step.failed is not None for step in retry_of(harness, pair)] == [True]
    with harness.engine.begin() as transaction:
        transaction.execute(
            text("UPDATE event_log.dead_letter SET entry = :entry WHERE event_id = :id"),
            {"entry": entry, "id": edits[0].id},
        )
    assert sum(step.applied for step in retry_of(harness, pair)) == 3
    assert pair.bodies() == ["third", "another"]
    assert outcome_of(harness, edits[0]) == ("applied", None)


def test_a_message_that_others_have_overtaken_is_not_put_behind_them(
    harness: Harness, pair: Pair
) -> None:
    late = pair.sent("late")
    offset = put_entry(harness, pair, b"not even JSON")
    harness.append(pair.sent("first"))
    harness.drain_all()
    assert pair.bodies() == ["first"]
    partition = harness.queue.partition_of(late)
    with harness.engine.begin() as transaction:
        checkpoints.await_lock(transaction, partition)
        place = {"p": partition, "o": Offset.parse(offset).sortable(), "e": late.encode()}
        transaction.execute(
            text(
                'UPDATE event_log.dead_letter SET entry = :e WHERE partition = :p AND "offset" = :o'
            ),
            place,
        )
    step = retry(harness.engine, partition, Offset.parse(offset), clock=utc_now)
    assert step.failed == Offset.parse(offset)
    assert pair.bodies() == ["first"]
    assert outcome_of(harness, late) is None


def test_an_event_that_was_parked_twice_is_applied_once(harness: Harness, pair: Pair) -> None:
    sent = pair.sent("once")
    spoilt = sent.encode().replace(b"sent.v1", b"sent.v99")
    for _ in range(2):
        put_entry(harness, pair, spoilt)
    harness.drain_all()
    with harness.engine.begin() as transaction:
        transaction.execute(
            text("UPDATE event_log.dead_letter SET entry = :entry WHERE event_id = :id"),
            {"entry": sent.encode(), "id": sent.id},
        )
    assert sum(step.applied for step in retry_of(harness, pair)) == 1
    assert pair.bodies() == ["once"]
    assert [step.applied for step in retry_of(harness, pair)] == []


@contextmanager
def counting_transactions(engine: Engine) -> Iterator[list[int]]:
    begun: list[int] = []

    def begin(_connection: Connection) -> None:
        begun.append(1)

    event.listen(engine, "begin", begin)
    yield begun
    event.remove(engine, "begin", begin)


def test_a_poison_event_among_many_is_found_and_put_right(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    """`POISON_AMONG=100000` tries it among as many."""
    many = [Pair(harness) for _ in range(40)]
    count = int(os.environ.get("POISON_AMONG", "5000"))
    first = [many[n % 40].sent(f"{n}") for n in range(count)]
    harness.drain_all()
    poison, behind = pair.sent(POISON), pair.sent("behind")
    for start in range(0, count, 500):
        if start == count // 2:
            harness.append(poison)
            harness.append(behind)
        harness.append(*first[start : start + 500])
    with refusing(superuser, REFUSED), counting_transactions(harness.engine) as begun:
        while any(drained.lag_events for drained in harness.drain_all()):
            pass
    # Halves of one batch of a thousand, not each of its events; and all the other batches.
    assert len(begun) <= 2 * 11 + 20 + count // 500
    assert [len(other.bodies()) for other in many] == [count // 40] * 40
    assert pair.bodies() == []
    retry_of(harness, pair)
    assert pair.bodies() == [POISON, "behind"]
