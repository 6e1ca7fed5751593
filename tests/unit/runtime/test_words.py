"""Words of others: they steer no terminal, and errors quote none of them."""

from __future__ import annotations

import json
import unicodedata

import pytest

from runtime.words import printable, unquoted

STEERING = [
    *(chr(code) for code in range(0x20) if chr(code) != "\n"),
    *map(chr, range(0x7F, 0xA0)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
]


def test_whatever_steers_a_terminal_is_written_out() -> None:
    assert printable("\x1b]0;pwned\x07\x9b2J\u202e") == r"\u001b]0;pwned\u0007\u009b2J\u202e"
    for each in STEERING:
        assert printable(f"a{each}b") == f"a\\u{ord(each):04x}b"
        assert unicodedata.category(each) in ("Cc", "Cf")


def test_all_else_stays_and_json_stays_the_same() -> None:
    text = "two\nlines, ünïcödé, שלום, 😀"
    assert printable(text) == text
    spoiled = text + "".join(STEERING)
    assert json.loads(printable(json.dumps(spoiled, ensure_ascii=False))) == spoiled


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("nothing quoted", "nothing quoted"),
        ('for type uuid: "a "secret", on\ntwo lines" at 1', 'for type uuid: "…" at 1'),
        ("KeyError: 'it'", "KeyError: '…'"),
    ],
)
def test_what_is_quoted_goes(words: str, left: str) -> None:
    assert unquoted(words) == left
