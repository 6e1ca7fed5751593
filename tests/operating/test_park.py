"""`messaging events dead-letters park`: an operator sets aside what holds a partition up."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from events import checkpoints, pauses
from events.selection import Place
from runtime.clock import utc_now
from runtime.errors import MessagingError
from tests.operating.conftest import Harness, Pair, events, row_of, told
from tests.projector.mischief import neighbour, refusing
from tests.projector.test_projector import dead_letters, outcome_of
from workers.by_hand import set_aside

pytestmark = pytest.mark.usefixtures("stack_of_servers")


def test_the_next_event_is_set_aside_and_its_conversation_waits_behind_it(
    harness: Harness, pair: Pair
) -> None:
    harness.drain_all()
    other = neighbour(harness, pair)
    slow, edit = pair.sent("slow"), pair.sent("behind")
    for envelope in (slow, other.sent("another"), edit):
        harness.append(envelope)
    partition = harness.queue.partition_of(slow)
    before = row_of(partition)
    place = before["next"]
    shown = told("dead-letters", "park", place, "--dry-run")
    assert shown == {
        "place": place,
        "event_id": str(slow.id),
        "type": "message.sent.v1",
        "conversation_id": str(pair.conversation),
        "actor_id": str(pair.one),
        "dry_run": True,
        "parked": False,
    }
    assert row_of(partition)["next"] == place
    assert events("dead-letters", "park", place).exit_code == 1  # Nobody said yes.
    assert told("dead-letters", "park", place, "--reason", "slow", "--yes")["parked"] is True
    after = row_of(partition)
    assert after["parked"] == before["parked"] + 1
    assert after["lag_events"] == before["lag_events"] - 1
    harness.drain_all()
    assert (pair.bodies(), other.bodies()) == ([], ["another"])
    assert dead_letters(harness, pair.conversation)[0] == ("slow", 1)
    assert told("dead-letters", "retry", place)["applied"] == 2
    assert pair.bodies() == ["slow", "behind"]
    assert outcome_of(harness, slow) == ("applied", None)


def test_what_is_not_the_next_event_is_left_alone(harness: Harness, pair: Pair) -> None:
    harness.drain_all()
    first, second = pair.sent("first"), pair.sent("second")
    harness.append(first)
    partition = harness.queue.partition_of(first)
    place = row_of(partition)["next"]
    harness.append(second)
    behind = f"{partition}/{harness.queue.head(partition)}"
    refused = events("dead-letters", "park", behind, "--yes")
    assert (refused.exit_code, f"{place} is" in str(refused.exception)) == (1, True)
    harness.drain_all()
    assert events("dead-letters", "park", place, "--yes").exit_code == 1
    assert events("dead-letters", "park", "99/1-0", "--yes").exit_code == 2
    assert events("dead-letters", "park", str(first.id), "--yes").exit_code == 2
    assert pair.bodies() == ["first", "second"]


def test_what_was_applied_since_it_was_looked_at_is_not_set_aside(
    harness: Harness, pair: Pair
) -> None:
    harness.drain_all()
    sent = pair.sent("quick")
    harness.append(sent)
    place = Place.parse(row_of(harness.queue.partition_of(sent))["next"])
    harness.drain_all()
    with pytest.raises(MessagingError, match="none waits there"):
        set_aside(harness.engine, harness.queue, place, reason="slow", clock=utc_now)


def test_it_is_set_aside_while_its_partition_is_stopped_but_not_while_it_is_imported_into(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    harness.drain_all()
    sent = pair.sent("slow")
    harness.append(sent)
    partition = harness.queue.partition_of(sent)
    place = Place.parse(row_of(partition)["next"])

    def pause(reason: str) -> None:
        with harness.engine.begin() as transaction:
            pauses.resume(transaction, [partition], now=utc_now())
            pauses.pause(transaction, [partition], reason=reason, now=utc_now())

    try:
        pause(pauses.import_reason(sent.id))
        with pytest.raises(MessagingError, match="import"):
            set_aside(harness.engine, harness.queue, place, reason="slow", clock=utc_now)
        pause("too much poison")
        with refusing(superuser, "body <> 'slow'"):
            assert set_aside(harness.engine, harness.queue, place, reason="slow", clock=utc_now)
        with harness.engine.connect() as connection:
            reached = checkpoints.read(connection, partition)
        assert (reached.offset, reached.paused) == (place.offset, "too much poison")
    finally:
        with harness.engine.begin() as transaction:
            pauses.resume(transaction, [partition], now=utc_now())
    assert told("dead-letters", "retry", str(place))["applied"] == 1
