"""Guesses of who has a username: quick, and never a wrong answer."""

from __future__ import annotations

import pytest

from query_api.reads.errors import NothingFoundError
from query_api.reads.peers import Peers, conversation_with
from query_api.reads.replica import Rows
from runtime.ids import AccountId, conversation_of, new_id


class Directory:
    """Who has which username at present, and how often it was asked."""

    def __init__(self, **accounts: str) -> None:
        self.accounts = accounts
        self.asked: list[tuple[str, str]] = []

    def __call__(self, name: str, guess: str) -> Rows:
        self.asked.append((name, guess))
        return [(True, None, self.accounts.get(name))]


def test_the_first_question_costs_two_statements_and_the_next_ones_one() -> None:
    directory, peers = Directory(bob="b"), Peers()
    for _ in range(3):
        assert peers.rows("bob", directory) == ([(True, None, "b")], "bob")
    assert [guess for _, guess in directory.asked[1:]] == ["b", "b", "b"]


def test_a_name_is_prepared_before_it_is_looked_up() -> None:
    directory = Directory(bob="b")
    assert Peers().rows("BOB", directory)[1] == "bob"
    with pytest.raises(NothingFoundError):
        Peers().rows("no blanks", directory)
    assert {name for name, _ in directory.asked} == {"bob"}


def test_a_wrong_guess_is_put_right() -> None:
    directory, peers = Directory(bob="first"), Peers()
    peers.rows("bob", directory)
    directory.accounts["bob"] = "second"
    assert peers.rows("bob", directory)[0][0][2] == "second"
    del directory.accounts["bob"]
    with pytest.raises(NothingFoundError):
        peers.rows("bob", directory)


def test_the_memory_is_bounded() -> None:
    directory, peers = Directory(**{f"u{n}": str(n) for n in range(9)}), Peers(most=3)
    for name in directory.accounts:
        peers.rows(name, directory)
    assert len(peers._known) <= 3


def test_a_conversation_is_named_as_everywhere() -> None:
    me, peer = AccountId(new_id()), AccountId(new_id())
    assert conversation_with(me, str(peer)) == conversation_of(peer, me)
