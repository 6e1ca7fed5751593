"""Entity tags: they change whenever an answer does, and confirm it without reading it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.query_api.conftest import Register
from tests.query_harness import Queries, Sent, World, problem


def lists(peer: Queries) -> list[str]:
    """Return a query of every route whose tag is made without its rows."""
    return [
        "conversations",
        "conversations?limit=1",
        "unread",
        "search?q=word",
        f"search?q=word&with={peer.username}",
        f"conversations/{peer.username}/messages",
        f"conversations/{peer.username}/messages?include=deleted",
        f"conversations/{peer.username}/messages?after=1&limit=2",
        f"conversations/{peer.username}/messages/last",
        f"conversations/{peer.username}/messages/last?from=any",
        f"conversations/{peer.username}/messages/unread",
    ]


def seen(me: Queries, peer: Queries) -> dict[str, tuple[str, bytes]]:
    """Return of each list its tag and its body."""
    answers = {path: me.call(path) for path in lists(peer)}
    return {
        path: (
            answer.headers.get("ETag", "none"),
            answer.data if answer.status_code == 200 else b"",
        )
        for path, answer in answers.items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_whatever_changes_an_answer_changes_its_tag(
    world: World, alice: Queries, bob: Queries, eve: Queries, seed: int
) -> None:
    chance = random.Random(seed)
    pairs = [(alice, bob), (bob, alice), (alice, eve), (eve, alice)]
    sent: list[tuple[Queries, Queries, Sent]] = []
    before = [seen(me, peer) for me, peer in pairs]
    for _ in range(25):
        happen(world, chance, pairs, sent)
        after = [seen(me, peer) for me, peer in pairs]
        for (me, _), old, new in zip(pairs, before, after, strict=True):
            for path, (tag, body) in new.items():
                assert body == old[path][1] or tag != old[path][0], (me.username, path)
                again = me.call(path, If_None_Match=old[path][0])
                unchanged = tag != "none" and tag == old[path][0]
                assert (again.status_code == 304) == unchanged, (me.username, path)
        before = after


def happen(
    world: World,
    chance: random.Random,
    pairs: list[tuple[Queries, Queries]],
    sent: list[tuple[Queries, Queries, Sent]],
) -> None:
    me, peer = chance.choice(pairs)
    kind = chance.choice(["send", "send", "read", "edit", "everyone", "me"]) if sent else "send"
    if kind == "send":
        sent.append((me, peer, world.send(me.account, peer.account, "a word")))
    elif kind == "read":
        world.read(me.account, peer.account, chance.randint(1, 9))
    else:
        sender, recipient, message = chance.choice(sent)
        if kind == "edit":
            world.edit(sender.account, message, f"another word {chance.random()}")
        elif kind == "everyone":
            world.delete(sender.account, message)
        else:
            world.delete(chance.choice([sender, recipient]).account, message, "me")


def tags(me: Queries, peer: Queries) -> dict[str, str]:
    return {path: tag for path, (tag, _) in seen(me, peer).items()}


def test_nobody_else_is_told_that_a_message_was_deleted_for_one(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = [world.send(bob.account, alice.account, "word") for _ in range(2)]
    mine, his = tags(alice, bob), tags(bob, alice)
    world.delete(alice.account, sent[0], "me")
    assert tags(bob, alice) == his
    assert not set(tags(alice, bob).values()) & set(mine.values())


def test_a_name_that_goes_changes_every_tag(
    world: World, alice: Queries, bob: Queries, eve: Queries
) -> None:
    for peer in (bob, eve):
        world.send(peer.account, alice.account, "word")
    mine = tags(alice, eve)
    world.unregister(bob.account)
    assert not set(tags(alice, eve).values()) & set(mine.values())


def test_other_changes_of_accounts_change_no_tag(
    world: World, alice: Queries, bob: Queries, register: Register
) -> None:
    world.send(bob.account, alice.account, "word")
    mine = tags(alice, bob)
    register("carol")
    world.sql("UPDATE identity.account SET password_hash = '=', username = username")
    world.sql("UPDATE identity.account SET username = NULL, deleted_at = now() WHERE false")
    assert tags(alice, bob) == mine


def test_a_tag_is_of_one_account_and_one_address(
    world: World, alice: Queries, bob: Queries
) -> None:
    world.send(bob.account, alice.account, "word")
    found = [*tags(alice, bob).values(), *tags(bob, alice).values()]
    assert len(set(found)) == len(found)


@contextmanager
def messages_out_of_reach(world: World) -> Iterator[None]:
    world.sql("REVOKE SELECT ON read_model.message, read_model.conversation FROM query_api")
    try:
        yield
    finally:
        world.sql("GRANT SELECT ON read_model.message, read_model.conversation TO query_api")


def test_an_answer_at_hand_is_confirmed_without_reading_messages(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(bob.account, alice.account, "word")
    at_hand = tags(alice, bob)
    with messages_out_of_reach(world):
        for path, tag in at_hand.items():
            assert alice.call(path, If_None_Match=tag, **sent.header).status_code == 304, path
            assert problem(alice.call(path, If_None_Match='"x"'))[0] >= 500, path


def test_a_star_asks_whether_there_is_an_answer_at_all(
    world: World, alice: Queries, bob: Queries
) -> None:
    world.send(alice.account, bob.account, "word")
    assert alice.call("unread", If_None_Match="*").status_code == 304
    last = f"conversations/{bob.username}/messages/last"
    assert problem(alice.call(last, If_None_Match="*")) == (404, "not-found")


def test_an_unknown_user_is_not_found_whatever_is_at_hand(alice: Queries, bob: Queries) -> None:
    tag = alice.call(f"conversations/{bob.username}/messages").headers["ETag"]
    for path in ("conversations/nobody/messages", "search?q=a&with=nobody"):
        assert problem(alice.call(path, If_None_Match=tag)) == (404, "not-found")
