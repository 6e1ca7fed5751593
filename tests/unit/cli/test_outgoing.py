"""What of a chat file is sent, and what is left out and counted."""

from __future__ import annotations

import pytest

from cli.demo.chat_file import ChatLine
from cli.demo.errors import ChatFileError
from cli.demo.outgoing import outgoing, take_census


def _line(number: int, sender: str, recipient: str, body: str = "hi") -> ChatLine:
    return ChatLine(number=number, sender=sender, recipient=recipient, body=body)


_LINES = [
    _line(1, "Ann", "bob"),
    _line(2, "bob", "ann"),
    _line(3, "ANN", "ann"),
    _line(4, "bob", "carl", ""),
    _line(5, "bob", "ann", "a\0b"),
    _line(6, "bob", "ann", "a\ud800b"),
    _line(7, "bob", "dora e", "x" * 10_001),
]


def test_what_cannot_be_sent_is_left_out_and_counted() -> None:
    census = take_census(_LINES)
    assert [message.number for message in outgoing(_LINES)] == [1, 2, 7]
    assert census.read == 7
    assert census.sendable == 3
    assert dict(census.fates) == {
        "sent": 2,
        "to_self": 1,
        "empty": 1,
        "unstorable": 2,
        "shortened": 1,
    }


def test_people_are_counted_once_whatever_the_case() -> None:
    census = take_census(_LINES)
    dora = next(name for name in census.people if name.startswith("dora"))
    assert census.people == {"ann": True, "bob": True, dora: False}
    assert census.senders == ["ann", "bob"]
    assert len(census.pairs) == 2
    assert census.renamed == 1


def test_both_directions_are_one_conversation() -> None:
    first, second, _ = outgoing(_LINES)
    assert first.pair == second.pair == ("ann", "bob")


def test_a_body_that_is_too_long_is_cut() -> None:
    *_, last = outgoing(_LINES)
    assert last.body == "x" * 10_000


def test_a_file_without_anything_to_send_is_refused() -> None:
    with pytest.raises(ChatFileError, match="no message that can be sent"):
        take_census([_line(1, "ann", "Ann")])
