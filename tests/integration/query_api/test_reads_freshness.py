"""Reading one's own writes: tokens, waiting, entity tags."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from events.contracts.messages import MessageSent
from events.contracts.offsets import Offset
from runtime.ids import Epoch, Partition, conversation_of, new_message_id
from tests.query_harness import EPOCH, TOKENS, Applied, Queries, World, problem
from web.consistency import ConsistencyToken


def a_message(alice: Queries, bob: Queries) -> MessageSent:
    conversation = conversation_of(alice.account, bob.account)
    return MessageSent(
        message_id=new_message_id(conversation),
        conversation_id=conversation,
        recipient_id=bob.account,
        body="soon",
    )


def every_query(peer: Queries, message_id: object) -> list[str]:
    return [
        "conversations",
        "unread",
        f"conversations/{peer.username}/messages",
        f"conversations/{peer.username}/messages?after=0&include=deleted",
        f"conversations/{peer.username}/messages/last?from=any",
        f"conversations/{peer.username}/messages/unread",
        f"messages/{message_id}",
    ]


def later(token: ConsistencyToken) -> str:
    return TOKENS.encode(replace(token, offset=Offset(token.offset.ms + 10**9, 0)))


def test_every_query_shows_what_its_token_stands_for(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(bob.account, alice.account)
    for path in every_query(bob, sent.message_id):
        assert alice.call(path, **sent.header).status_code == 200, path


def test_every_query_says_503_where_the_effect_does_not_come_in_time(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(bob.account, alice.account)
    for path in [*every_query(bob, sent.message_id), "conversations/nobody/messages"]:
        answer = alice.call(path, Consistency_Token=later(sent.token), Prefer="wait=0")
        assert problem(answer) == (503, "not-yet-visible"), path
        assert int(answer.headers["Retry-After"]) >= 1


def test_a_query_waits_until_the_effect_is_there(
    world: World, alice: Queries, bob: Queries
) -> None:
    event = a_message(alice, bob)
    pending = world.accept(event, alice.account)
    soon = threading.Timer(0.3, world.project, (event, alice.account, pending))
    soon.start()
    try:
        started = time.monotonic()
        message = alice.get(
            f"conversations/{bob.username}/messages/last?from=any", **pending.header
        )
        assert message["body"] == "soon"
        assert 0.2 < time.monotonic() - started < 1.5
    finally:
        soon.join()


def test_waiting_lasts_two_seconds_unless_the_client_prefers_otherwise(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(alice.account, bob.account)
    for prefer, seconds in (({}, 2.0), ({"Prefer": "wait=1"}, 1.0), ({"Prefer": "x"}, 2.0)):
        started = time.monotonic()
        answer = alice.call("unread", Consistency_Token=later(sent.token), **prefer)
        assert problem(answer) == (503, "not-yet-visible")
        assert seconds <= time.monotonic() - started < seconds + 0.8


def test_an_event_is_waited_for_if_asked(world: World, alice: Queries, bob: Queries) -> None:
    event = a_message(alice, bob)
    pending = world.accept(event, alice.account)
    soon = threading.Timer(0.2, world.project, (event, alice.account, pending))
    soon.start()
    try:
        path = f"events/{pending.event_id}?token={TOKENS.encode(pending.token)}"
        assert alice.get(path, Prefer="wait=5")["status"] == "applied"
    finally:
        soon.join()


def test_without_a_token_nothing_is_waited_for(alice: Queries) -> None:
    started = time.monotonic()
    alice.get("unread", Prefer="wait=10")
    assert time.monotonic() - started < 1


def test_all_of_several_tokens_count(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(alice.account, bob.account)
    mine = TOKENS.encode(sent.token)
    both = f"{mine} ,\t{mine}"
    assert alice.call("unread", Consistency_Token=both).status_code == 200
    for mixed in (f"{mine},{later(sent.token)}", f"{later(sent.token)}, {mine}"):
        answer = alice.call("unread", Consistency_Token=mixed, Prefer="wait=0")
        assert problem(answer) == (503, "not-yet-visible")


def test_a_repeated_header_counts_as_one_list(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(alice.account, bob.account)
    headers = [
        ("Authorization", f"Bearer {alice.account}"),
        ("Consistency-Token", TOKENS.encode(sent.token)),
        ("Consistency-Token", later(sent.token)),
        ("Prefer", "wait=0"),
    ]
    answer = alice.app.test_client().get("/query/v1/unread", headers=headers)
    assert problem(answer) == (503, "not-yet-visible")


def test_another_accounts_token_is_waited_for_all_the_same(
    world: World, alice: Queries, bob: Queries, eve: Queries
) -> None:
    sent = world.send(alice.account, bob.account)
    assert eve.call("unread", **sent.header).status_code == 200
    answer = eve.call("unread", Consistency_Token=later(sent.token), Prefer="wait=0")
    assert problem(answer) == (503, "not-yet-visible")


@pytest.mark.parametrize("text", ["", " ", ",", "x", "A" * 100, "é", "A" * 5000])
def test_a_token_that_no_command_gave_is_refused(alice: Queries, text: str) -> None:
    answer = alice.call("unread", Consistency_Token=text)
    assert problem(answer) == (400, "consistency-token-invalid")


def test_a_token_of_a_lost_queue_is_refused_and_one_of_a_newer_is_waited_for(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(alice.account, bob.account)
    past = TOKENS.encode(replace(sent.token, epoch=Epoch(EPOCH - 1)))
    assert problem(alice.call("unread", Consistency_Token=past, Prefer="wait=5")) == (
        400,
        "consistency-token-invalid",
    )
    newer = TOKENS.encode(replace(sent.token, epoch=Epoch(EPOCH + 1)))
    answer = alice.call("unread", Consistency_Token=newer, Prefer="wait=0")
    assert problem(answer) == (503, "not-yet-visible")


def test_a_token_of_a_lost_queue_is_refused_beside_one_that_is_visible(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(alice.account, bob.account)
    past = TOKENS.encode(replace(sent.token, epoch=Epoch(EPOCH - 1)))
    here = TOKENS.encode(sent.token)
    for tokens in (f"{past},{here}", f"{here},{past}"):
        for path in ("unread", f"events/{sent.event_id}", f"events/{sent.event_id}?token={here}"):
            answer = alice.call(path, Consistency_Token=tokens)
            assert problem(answer) == (400, "consistency-token-invalid")


def test_a_partition_without_a_checkpoint_is_not_yet_visible(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(alice.account, bob.account)
    nowhere = TOKENS.encode(replace(sent.token, partition=Partition(999)))
    answer = alice.call("unread", Consistency_Token=nowhere, Prefer="wait=0")
    assert problem(answer) == (503, "not-yet-visible")


def test_an_answer_at_hand_is_confirmed_until_something_changes(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(bob.account, alice.account)
    tags = {}
    for path in [*every_query(bob, sent.message_id), f"events/{sent.event_id}"]:
        me = bob if path.startswith("events") else alice
        answer = me.call(path)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        tags[path] = answer.headers["ETag"]
        again = me.call(path, If_None_Match=f'"other", {tags[path]}')
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == tags[path]
        assert again.headers["Cache-Control"] == "private, no-cache"
        assert "Content-Type" not in again.headers
    world.edit(bob.account, sent, "changed")
    world.send(bob.account, alice.account)
    for path in every_query(bob, sent.message_id):
        assert alice.call(path, If_None_Match=tags[path]).status_code == 200, path


def test_a_token_comes_before_an_entity_tag(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(bob.account, alice.account)
    tag = alice.call("unread").headers["ETag"]
    waiting = {"Consistency_Token": later(sent.token), "Prefer": "wait=0"}
    answer = alice.call("unread", If_None_Match=tag, **waiting)
    assert problem(answer) == (503, "not-yet-visible")


def test_head_answers_as_get_without_a_body(world: World, alice: Queries, bob: Queries) -> None:
    sent: Applied = world.send(bob.account, alice.account)
    for path in ("unread", "conversations?limit=1", f"events/{sent.event_id}"):
        got, head = (alice.call(path, method=method) for method in ("GET", "HEAD"))
        assert head.status_code == got.status_code
        assert head.data == b""
        for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
            assert head.headers.get(name) == got.headers.get(name)
