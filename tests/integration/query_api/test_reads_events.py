"""Reads of what became of a command."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from events.contracts.base import PoisonEventError
from events.contracts.conversations import ConversationRead
from events.contracts.offsets import Offset
from runtime.clock import parse_rfc3339
from runtime.ids import Epoch, EventId, conversation_of, new_id
from tests.query_harness import EPOCH, TOKENS, Applied, Queries, World, problem


def address(event: Applied) -> str:
    return f"events/{event.event_id}?token={TOKENS.encode(event.token)}"


def a_read(alice: Queries, bob: Queries) -> ConversationRead:
    conversation = conversation_of(alice.account, bob.account)
    return ConversationRead(conversation_id=conversation, peer_id=bob.account, up_to=1)


def test_an_applied_event_says_when(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(alice.account, bob.account)
    for path in (f"events/{sent.event_id}", address(sent)):
        status = alice.get(path)
        assert list(status) == ["event_id", "type", "status", "accepted_at", "applied_at"]
        assert status["event_id"] == str(sent.event_id)
        assert (status["type"], status["status"]) == ("message.sent.v1", "applied")
        assert parse_rfc3339(status["accepted_at"]) <= parse_rfc3339(status["applied_at"])


def test_a_rejected_event_says_why(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(alice.account, bob.account)
    refused = world.edit(bob.account, sent, "mine now")
    status = bob.get(address(refused))
    assert list(status) == ["event_id", "type", "status", "reason", "accepted_at"]
    assert (status["status"], status["type"]) == ("rejected", "message.edited.v1")
    assert isinstance(status["reason"], str)


def test_a_parked_event_has_failed_and_tells_nothing_of_our_insides(
    world: World, alice: Queries, bob: Queries
) -> None:
    event = a_read(alice, bob)
    parked = world.apply(event, alice.account, poison=PoisonEventError("secret insides"))
    status = alice.get(address(parked))
    assert (status["status"], status["reason"]) == ("failed", "set-aside")
    assert problem(bob.call(f"events/{parked.event_id}")) == (404, "not-found")


def test_an_unreadable_event_has_failed_for_its_author_alone(
    world: World, alice: Queries, bob: Queries
) -> None:
    event = a_read(alice, bob)
    unreadable = world.accept(event, alice.account)
    attributes = {
        "id": str(unreadable.event_id),
        "actor": str(alice.account),
        "type": "message.sung.v1",
        "partitionkey": str(new_id()),
    }
    world.enter(unreadable.token, orjson.dumps(attributes))
    for path in (f"events/{unreadable.event_id}", address(unreadable)):
        status = alice.get(path)
        assert (status["type"], status["status"]) == ("message.sung.v1", "failed")
    assert problem(bob.call(f"events/{unreadable.event_id}")) == (404, "not-found")


def test_an_event_not_yet_applied_is_known_by_its_own_token(
    world: World, alice: Queries, bob: Queries
) -> None:
    pending = world.accept(a_read(alice, bob), alice.account)
    status = alice.get(address(pending))
    assert list(status) == ["event_id", "type", "status", "accepted_at"]
    assert (status["type"], status["status"]) == (None, "accepted")
    accepted_at = parse_rfc3339(status["accepted_at"])
    assert round(accepted_at.timestamp() * 1000) == pending.token.offset.ms
    header = {"Consistency_Token": TOKENS.encode(pending.token)}
    assert alice.get(f"events/{pending.event_id}", **header) == status


def test_without_its_own_token_an_event_not_yet_applied_is_not_found(
    world: World, alice: Queries, bob: Queries
) -> None:
    pending, other = (world.accept(a_read(alice, bob), alice.account) for _ in range(2))
    path = f"events/{pending.event_id}"
    assert problem(alice.call(path)) == (404, "not-found")
    assert problem(alice.call(f"{path}?token={TOKENS.encode(other.token)}")) == (404, "not-found")
    assert problem(bob.call(address(pending))) == (404, "not-found")


def test_a_token_that_is_forged_or_malformed_is_refused(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(alice.account, bob.account)
    good = TOKENS.encode(sent.token)
    swapped = "B" if good[40] != "B" else "C"
    for bad in ("", "x", good[:-1], good + "A", good[:40] + swapped + good[41:]):
        answer = alice.call(f"events/{sent.event_id}?token={bad}")
        assert problem(answer) == (400, "consistency-token-invalid")


def test_a_token_of_a_lost_queue_vouches_for_nothing_but_hides_nothing(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(alice.account, bob.account)
    past = replace(sent.token, epoch=Epoch(EPOCH - 1))
    assert alice.get(f"events/{sent.event_id}?token={TOKENS.encode(past)}")["status"] == "applied"
    lost = replace(world.accept(a_read(alice, bob), alice.account).token, epoch=past.epoch)
    answer = alice.call(f"events/{lost.event_id}?token={TOKENS.encode(lost)}")
    assert problem(answer) == (400, "consistency-token-invalid")


def test_another_accounts_event_is_not_found(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(alice.account, bob.account)
    assert problem(bob.call(f"events/{sent.event_id}")) == (404, "not-found")
    assert problem(bob.call(address(sent))) == (404, "not-found")


@pytest.mark.parametrize("wait", ["wait=0", "wait=1"])
def test_waiting_for_an_event_ends_with_what_is_known(
    world: World, alice: Queries, bob: Queries, wait: str
) -> None:
    pending = world.accept(a_read(alice, bob), alice.account)
    assert alice.get(address(pending), Prefer=wait)["status"] == "accepted"


def test_a_token_of_another_command_must_be_visible(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(alice.account, bob.account)
    later = replace(
        sent.token, offset=Offset(sent.token.offset.ms + 10**9, 0), event_id=EventId(new_id())
    )
    answer = alice.call(address(sent), Consistency_Token=TOKENS.encode(later))
    assert problem(answer) == (503, "not-yet-visible")
