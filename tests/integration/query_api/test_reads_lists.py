"""Reads of conversations and of what is unread, on rows as the workers write them."""

from __future__ import annotations

import random

import pytest

from tests.integration.query_api.conftest import Register
from tests.query_harness import Queries, Sent, World, problem


def test_a_conversation_has_exactly_the_fields_of_the_contract(
    world: World, alice: Queries, bob: Queries
) -> None:
    for _ in range(3):
        world.send(bob.account, alice.account)
    last = world.send(alice.account, bob.account)
    world.read(alice.account, bob.account, 2)
    world.read(bob.account, alice.account, 4)
    page = alice.get("conversations")
    assert list(page) == ["items", "next", "prev"]
    assert page["next"] is page["prev"] is None
    (item,) = page["items"]
    message = alice.get(f"messages/{last.message_id}")
    assert list(item.items()) == [
        ("conversation_id", message["conversation_id"]),
        ("with", bob.username),
        ("last_message", message),
        ("unread_count", 1),
        ("last_position", 4),
        ("read_position", 2),
        ("peer_read_position", 4),
    ]


def test_the_last_message_of_a_list_is_the_last_that_its_reader_may_see(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = [world.send(bob.account, alice.account) for _ in range(3)]
    world.delete(alice.account, sent[2], "me")
    world.delete(bob.account, sent[1])
    (mine,), (his,) = (me.get("conversations")["items"] for me in (alice, bob))
    assert mine["last_message"]["position"] == 1
    assert his["last_message"]["position"] == 3
    assert (mine["last_position"], mine["unread_count"]) == (3, 1)
    world.delete(alice.account, sent[0], "me")
    assert alice.get("conversations")["items"][0]["last_message"] is None


def test_conversations_come_newest_first_and_pages_lead_there_and_back(
    world: World, alice: Queries, register: Register
) -> None:
    peers = [register(f"peer{number}") for number in range(7)]
    for peer in peers:
        world.send(peer.account, alice.account)
    world.send(alice.account, peers[2].account)
    expected = [peers[n].username for n in (2, 6, 5, 4, 3, 1, 0)]

    def names(page: dict[str, list[dict[str, str]]]) -> list[str]:
        return [item["with"] for item in page["items"]]

    first = alice.call("conversations?limit=3")
    assert first.json is not None
    assert first.headers["Link"] == f'<{first.json["next"]}>; rel="next"'
    second = alice.get(first.json["next"])
    third = alice.get(second["next"])
    assert names(first.json) + names(second) + names(third) == expected
    assert first.json["prev"] is third["next"] is None
    assert names(alice.get(third["prev"])) == names(second)
    back = alice.get(second["prev"])
    assert names(back) == names(first.json)
    assert back["prev"] is None
    assert alice.get(back["next"])["items"] == second["items"]


def test_a_cursor_is_of_one_list_of_one_account(
    world: World, alice: Queries, bob: Queries, eve: Queries
) -> None:
    for peer in (bob, eve):
        world.send(peer.account, alice.account)
    link = alice.get("conversations?limit=1")["next"]
    assert problem(bob.call(link)) == (400, "cursor-invalid")
    assert problem(alice.call(link[:-2] + ("AA" if link[-2:] != "AA" else "BB"))) == (
        400,
        "cursor-invalid",
    )
    for text in ("", "x", "A" * 64, "%C3%A9", "A" * 2000):
        assert problem(alice.call(f"conversations?cursor={text}")) == (400, "cursor-invalid")


def test_unread_counts_by_conversation_and_in_all(
    world: World, alice: Queries, bob: Queries, eve: Queries
) -> None:
    for _ in range(3):
        world.send(bob.account, alice.account)
    world.send(alice.account, bob.account)
    world.send(eve.account, alice.account)
    world.read(alice.account, bob.account, 1)
    assert alice.get("unread") == {
        "total": 3,
        "conversations": [
            {"with": eve.username, "unread_count": 1, "first_unread_position": 1},
            {"with": bob.username, "unread_count": 2, "first_unread_position": 2},
        ],
    }
    world.read(alice.account, eve.account, 1)
    assert [c["with"] for c in alice.get("unread")["conversations"]] == [bob.username]


def test_unread_parameters_are_refused(alice: Queries) -> None:
    assert problem(alice.call("unread?limit=1")) == (422, "invalid-fields")


class Model:
    """A conversation as it must look to one of the two, in plain Python."""

    def __init__(self, length: int) -> None:
        self.sent: list[Sent] = []
        self.length = length
        self.deleted: set[int] = set()
        self.hidden: dict[int, set[int]] = {0: set(), 1: set()}

    def visible(self, who: int, *, tombstones: bool) -> list[int]:
        gone = self.hidden[who] if tombstones else self.hidden[who] | self.deleted
        return [position for position in range(1, self.length + 1) if position not in gone]


@pytest.mark.parametrize("seed", range(3))
def test_pages_agree_with_a_model_and_walks_meet_every_message_once(
    world: World, alice: Queries, bob: Queries, seed: int
) -> None:
    chance = random.Random(seed)
    people = [alice, bob]
    model = Model(chance.randint(10, 25))
    for position in range(1, model.length + 1):
        sender = chance.randrange(2)
        sent = world.send(people[sender].account, people[1 - sender].account)
        fate = chance.random()
        if fate < 0.25:
            world.delete(people[sender].account, sent)
            model.deleted.add(position)
        elif fate < 0.5:
            who = chance.randrange(2)
            world.delete(people[who].account, sent, "me")
            model.hidden[who].add(position)
    for who, me in enumerate(people):
        peer = people[1 - who].username
        for tombstones in (False, True):
            visible = model.visible(who, tombstones=tombstones)
            include = "&include=deleted" if tombstones else ""
            for _ in range(12):
                limit = chance.randint(1, 6)
                path = f"conversations/{peer}/messages?limit={limit}{include}"
                low, high = chance.randint(0, model.length), chance.randint(1, model.length + 1)
                above = [p for p in visible if p > low]
                below = [p for p in visible if p < high]
                assert me.positions(f"{path}&after={low}") == above[:limit]
                assert me.positions(f"{path}&before={high}") == below[-limit:]
                both = [p for p in above if p < high]
                assert me.positions(f"{path}&after={low}&before={high}") == both[:limit]
                assert walk(me, path, "prev") == visible
                assert walk(me, f"{path}&after=0", "next") == visible
                assert walk(me, f"{path}&after={low}&before={high}", "next") == both


def walk(me: Queries, path: str, relation: str) -> list[int]:
    """Return the positions met by following one relation to its end, in order."""
    met: list[int] = []
    link: str | None = path
    while link is not None:
        page = me.get(link)
        assert page["items"] or link == path, "a link leads to an empty page"
        positions = [item["position"] for item in page["items"]]
        met = met + positions if relation == "next" else positions + met
        link = page[relation]
    return met
