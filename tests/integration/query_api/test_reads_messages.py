"""Reads of messages, on rows as the workers write them."""

from __future__ import annotations

import re

import pytest

from tests.query_harness import Queries, Sent, World, problem

FIELDS = [
    "id",
    "conversation_id",
    "position",
    "from",
    "to",
    "subject",
    "body",
    "sent_at",
    "edited_at",
    "deleted_at",
    "read_at",
]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def conversation(world: World, alice: Queries, bob: Queries, length: int) -> list[Sent]:
    """Let the two write in turns: odd positions are alice's."""
    pairs = [(alice.account, bob.account), (bob.account, alice.account)]
    return [world.send(*pairs[number % 2], f"number {number + 1}") for number in range(length)]


def test_a_message_has_exactly_the_fields_of_the_contract(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(alice.account, bob.account, "Grüße\t\U0001f600", subject="On\nus")
    world.edit(alice.account, sent, "Grüße \U0001f600")
    world.read(bob.account, alice.account, 1)
    message = bob.get(f"messages/{sent.message_id}")
    assert list(message) == FIELDS
    assert message["id"] == str(sent.message_id)
    assert (message["from"], message["to"]) == (alice.username, bob.username)
    assert (message["subject"], message["body"]) == ("On\nus", "Grüße \U0001f600")
    assert message["position"] == 1
    assert message["deleted_at"] is None
    for moment in ("sent_at", "edited_at", "read_at"):
        assert TIME.fullmatch(message[moment]), moment


def test_both_see_the_same_message_everywhere(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(alice.account, bob.account)
    one = alice.get(f"messages/{sent.message_id}")
    assert bob.get(f"messages/{sent.message_id}") == one
    for me, peer in ((alice, bob), (bob, alice)):
        assert me.get(f"conversations/{peer.username}/messages")["items"] == [one]
        assert me.get(f"conversations/{peer.username}/messages/last?from=any") == one
        assert me.get("conversations")["items"][0]["last_message"] == one
    assert bob.get(f"conversations/{alice.username}/messages/unread")["items"] == [one]


def test_the_newest_page_comes_first_and_leads_to_all_older_ones(
    world: World, alice: Queries, bob: Queries
) -> None:
    conversation(world, alice, bob, 7)
    page = alice.get(f"conversations/{bob.username}/messages?limit=3")
    assert [item["position"] for item in page["items"]] == [5, 6, 7]
    assert page["next"] is None
    second = alice.get(page["prev"])
    assert [item["position"] for item in second["items"]] == [2, 3, 4]
    third = alice.get(second["prev"])
    assert [item["position"] for item in third["items"]] == [1]
    assert third["prev"] is None
    back = alice.get(third["next"])
    assert [item["position"] for item in back["items"]] == [2, 3, 4]
    assert back["next"] is not None


@pytest.mark.parametrize(
    ("query", "positions", "links"),
    [
        ("limit=3&after=0", [1, 2, 3], ("limit=3&after=3", None)),
        ("limit=3&after=4", [5, 6, 7], (None, "limit=3&before=5")),
        ("limit=3&after=7", [], (None, "limit=3&before=8")),
        ("limit=3&after=90", [], (None, "limit=3&before=91")),
        ("limit=3&before=4", [1, 2, 3], ("limit=3&after=3", None)),
        ("limit=2&before=7", [5, 6], ("limit=2&after=6", "limit=2&before=5")),
        ("limit=3&before=1", [], ("limit=3&after=0", None)),
        ("limit=3&before=90", [5, 6, 7], (None, "limit=3&before=5")),
        ("limit=2&after=2&before=6", [3, 4], ("limit=2&before=6&after=4", "limit=2&before=3")),
        ("limit=9&after=2&before=6", [3, 4, 5], (None, "limit=9&before=3")),
        ("limit=2&after=6&before=2", [], (None, "limit=2&before=7")),
        ("", [1, 2, 3, 4, 5, 6, 7], (None, None)),
    ],
)
def test_bounds_are_exclusive_and_links_lead_on_only_where_there_is_more(
    world: World,
    alice: Queries,
    bob: Queries,
    query: str,
    positions: list[int],
    links: tuple[str | None, str | None],
) -> None:
    conversation(world, alice, bob, 7)
    path = f"/query/v1/conversations/{bob.username}/messages"
    answer = alice.call(f"{path}?{query}")
    assert answer.json is not None
    assert [item["position"] for item in answer.json["items"]] == positions
    expectations = dict(zip(("next", "prev"), links, strict=True))
    for relation, expected in expectations.items():
        assert answer.json[relation] == (expected and f"{path}?{expected}")
    header = ", ".join(f'<{path}?{q}>; rel="{r}"' for r, q in expectations.items() if q)
    assert answer.headers.get("Link") == (header or None)


def test_links_keep_other_parameters_and_encode_names(world: World, alice: Queries) -> None:
    odd = "ö?&#%"
    peer = world.register(f"{odd}{alice.account}")
    sent = [world.send(alice.account, peer) for _ in range(3)]
    world.delete(alice.account, sent[1])
    path = "conversations/%C3%B6%3F%26%23%25" + str(alice.account)
    page = alice.get(f"{path}/messages?include=deleted&limit=1")
    assert page["prev"] == f"/query/v1/{path}/messages?include=deleted&limit=1&before=3"
    assert [item["position"] for item in alice.get(page["prev"])["items"]] == [2]


def test_usernames_are_prepared_and_unknown_ones_are_not_found(
    world: World, alice: Queries, bob: Queries
) -> None:
    world.send(alice.account, bob.account)
    upper = bob.username.upper()
    assert alice.positions(f"conversations/{upper}/messages") == [1]
    for unknown in ("nobody", "a%20b", "%00", "%FF", "x" * 300, ".", "%ED%A0%80"):
        for rest in ("messages", "messages/last", "messages/unread"):
            answer = alice.call(f"conversations/{unknown}/{rest}")
            assert problem(answer) == (404, "not-found")


def test_a_known_user_without_messages_has_an_empty_page_and_no_last_message(
    alice: Queries, bob: Queries
) -> None:
    empty: dict[str, object] = {"items": [], "next": None, "prev": None}
    for peer in (bob.username, alice.username):
        assert alice.get(f"conversations/{peer}/messages") == empty
        assert alice.get(f"conversations/{peer}/messages/unread") == empty
        for which in ("", "?from=any"):
            answer = alice.call(f"conversations/{peer}/messages/last{which}")
            assert problem(answer) == (404, "not-found")


def test_a_name_that_passes_to_another_account_leads_to_that_account(
    world: World, alice: Queries, bob: Queries
) -> None:
    world.send(bob.account, alice.account, "from the first")
    path = f"conversations/{bob.username}/messages"
    assert alice.positions(path) == [1]
    world.unregister(bob.account)
    assert problem(alice.call(path)) == (404, "not-found")
    successor = world.register(bob.username)
    assert alice.get(path)["items"] == []
    world.send(successor, alice.account, "from the second")
    assert [item["body"] for item in alice.get(path)["items"]] == ["from the second"]


def test_names_are_null_once_their_account_is_gone(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(bob.account, alice.account)
    world.unregister(bob.account)
    message = alice.get(f"messages/{sent.message_id}")
    assert (message["from"], message["to"]) == (None, alice.username)
    listed = alice.get("conversations")["items"][0]
    assert listed["with"] is None
    assert listed["last_message"] == message
    assert alice.get("unread")["conversations"][0]["with"] is None


def test_the_last_message_is_from_the_peer_unless_any_is_asked_for(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = conversation(world, alice, bob, 3)
    path = f"conversations/{bob.username}/messages/last"
    assert alice.get(path)["position"] == 2
    assert alice.get(f"{path}?from=any")["position"] == 3
    world.delete(bob.account, sent[1])
    assert problem(alice.call(path)) == (404, "not-found")
    world.delete(alice.account, sent[2], "me")
    assert alice.get(f"{path}?from=any")["position"] == 1
    assert bob.get(f"conversations/{alice.username}/messages/last")["position"] == 3


def test_deleted_for_everyone_is_left_out_or_shown_as_a_tombstone(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = conversation(world, alice, bob, 3)
    world.delete(bob.account, sent[1])
    for me, peer in ((alice, bob), (bob, alice)):
        path = f"conversations/{peer.username}/messages"
        assert me.positions(path) == [1, 3]
        assert problem(me.call(f"messages/{sent[1].message_id}")) == (404, "not-found")
        tombstone = me.get(f"messages/{sent[1].message_id}?include=deleted")
        assert tombstone["subject"] is tombstone["body"] is None
        assert TIME.fullmatch(tombstone["deleted_at"])
        assert me.get(f"{path}?include=deleted")["items"][1] == tombstone


def test_deleted_for_me_is_gone_for_me_alone(world: World, alice: Queries, bob: Queries) -> None:
    sent = conversation(world, alice, bob, 3)
    world.delete(alice.account, sent[0], "me")
    world.delete(alice.account, sent[1], "me")
    assert alice.positions(f"conversations/{bob.username}/messages?include=deleted") == [3]
    for gone in sent[:2]:
        answer = alice.call(f"messages/{gone.message_id}?include=deleted")
        assert problem(answer) == (404, "not-found")
    assert bob.positions(f"conversations/{alice.username}/messages") == [1, 2, 3]
    assert bob.get(f"messages/{sent[0].message_id}")["deleted_at"] is None
    # Deleted for everyone after that, there is no tombstone for whom it was gone before.
    world.delete(bob.account, sent[1])
    assert alice.positions(f"conversations/{bob.username}/messages?include=deleted") == [3]
    assert bob.positions(f"conversations/{alice.username}/messages?include=deleted") == [1, 2, 3]


def test_links_lead_nowhere_where_only_invisible_messages_are(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = conversation(world, alice, bob, 4)
    world.delete(alice.account, sent[0])
    world.delete(alice.account, sent[3], "me")
    path = f"conversations/{bob.username}/messages"
    page = alice.get(f"{path}?after=1&limit=2")
    assert [item["position"] for item in page["items"]] == [2, 3]
    assert page["next"] is page["prev"] is None
    page = alice.get(f"{path}?before=4&include=deleted&limit=2")
    assert page["next"] is None
    assert [item["position"] for item in alice.get(page["prev"])["items"]] == [1]


def test_unread_messages_are_the_peers_visible_ones_above_the_read_position(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = [world.send(bob.account, alice.account, str(n)) for n in range(1, 7)]
    world.send(alice.account, bob.account)
    world.read(alice.account, bob.account, 2)
    world.delete(bob.account, sent[2])
    world.delete(alice.account, sent[4], "me")
    path = f"conversations/{bob.username}/messages/unread"
    assert alice.positions(path) == [4, 6]
    assert alice.positions(f"{path}?after=4") == [6]
    assert alice.positions(f"{path}?after=1") == [4, 6]
    page = alice.get(f"{path}?limit=1")
    assert page["next"] == f"/query/v1/{path}?limit=1&after=4"
    assert page["prev"] is None
    last = alice.get(page["next"])
    assert [item["position"] for item in last["items"]] == [6]
    assert last["next"] is None
    assert bob.positions(f"conversations/{alice.username}/messages/unread") == [7]


def test_reading_marks_nothing_as_read(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(bob.account, alice.account)
    for _ in range(2):
        assert alice.positions(f"conversations/{bob.username}/messages/unread") == [1]
        assert alice.get(f"messages/{sent.message_id}")["read_at"] is None
    assert alice.get("unread")["total"] == 1


def test_strangers_see_nothing(world: World, alice: Queries, bob: Queries, eve: Queries) -> None:
    sent = world.send(alice.account, bob.account)
    missing = eve.call("messages/01a20473-0000-7000-8000-000000000000")
    hers = eve.call(f"messages/{sent.message_id}?include=deleted")
    assert problem(hers) == problem(missing) == (404, "not-found")
    for peer in (alice, bob):
        assert eve.get(f"conversations/{peer.username}/messages?include=deleted")["items"] == []
    assert eve.get("conversations")["items"] == []
    assert eve.get("unread") == {"total": 0, "conversations": []}


@pytest.mark.parametrize("identifier", ["1", "x", "01a20473-0000-7000-8000-00000000000", "%00"])
def test_a_malformed_id_is_not_found(alice: Queries, identifier: str) -> None:
    for kind in ("messages", "events"):
        assert problem(alice.call(f"{kind}/{identifier}")) == (404, "not-found")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=1&limit=1", "limit"),
        ("before=0", "before"),
        ("before=2147483648", "before"),
        ("before=99999999999999999999", "before"),
        ("after=-1", "after"),
        ("after=one", "after"),
        ("include=everything", "include"),
        ("Limit=1", "Limit"),
    ],
)
def test_a_parameter_that_is_wrong_or_unknown_is_named(
    alice: Queries, bob: Queries, query: str, field: str
) -> None:
    answer = alice.call(f"conversations/{bob.username}/messages?{query}")
    assert problem(answer) == (422, "invalid-fields")
    assert answer.json is not None
    assert list(answer.json["errors"]) == [field]


def test_tombstones_are_asked_for_only_where_the_contract_has_them(
    alice: Queries, bob: Queries
) -> None:
    for path in ("messages/last", "messages/unread"):
        answer = alice.call(f"conversations/{bob.username}/{path}?include=deleted")
        assert problem(answer) == (422, "invalid-fields")
    answer = alice.call(f"conversations/{bob.username}/messages/last?from={bob.username}")
    assert problem(answer) == (422, "invalid-fields")
