"""Consistency tokens: what was encoded comes back, and nothing else does."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contracts.offsets import Offset
from runtime.ids import AccountId, Epoch, EventId, Partition
from runtime.settings import Secret
from web.consistency import (
    MOST_TOKENS,
    ConsistencyToken,
    ConsistencyTokenInvalidError,
    ConsistencyTokens,
)

pytestmark = pytest.mark.unit

TOKENS = ConsistencyTokens(Secret("a" * 32))
_U64 = st.integers(0, 2**64 - 1)

tokens = st.builds(
    ConsistencyToken,
    epoch=_U64.map(Epoch),
    partition=st.integers(0, 65_535).map(Partition),
    offset=st.builds(Offset, _U64, _U64),
    event_id=st.uuids().map(EventId),
    account_id=st.uuids().map(AccountId),
)
TOKEN = ConsistencyToken(
    epoch=Epoch(3),
    partition=Partition(7),
    offset=Offset(1_771_234_567_890, 2),
    event_id=EventId(UUID(int=4)),
    account_id=AccountId(UUID(int=5)),
)


@given(token=tokens)
def test_a_token_comes_back_as_it_was(token: ConsistencyToken) -> None:
    text = TOKENS.encode(token)
    assert TOKENS.decode(text) == token
    assert len(text) == 100
    assert text.replace("-", "").replace("_", "").isalnum()


@given(token=tokens, place=st.integers(0, 99), character=st.characters(max_codepoint=0x2FF))
def test_a_changed_token_is_invalid(token: ConsistencyToken, place: int, character: str) -> None:
    text = TOKENS.encode(token)
    changed = text[:place] + character + text[place + 1 :]
    if changed == text:
        return
    with pytest.raises(ConsistencyTokenInvalidError):
        TOKENS.decode(changed)


@given(text=st.text(max_size=120))
def test_any_other_text_is_invalid(text: str) -> None:
    with pytest.raises(ConsistencyTokenInvalidError):
        TOKENS.decode(text)


def test_a_token_of_another_key_is_invalid() -> None:
    text = ConsistencyTokens(Secret("b" * 32)).encode(TOKEN)
    with pytest.raises(ConsistencyTokenInvalidError):
        TOKENS.decode(text)


def test_another_spelling_of_the_same_bytes_is_invalid() -> None:
    text = next(text for number in range(100) if "-" in (text := TOKENS.encode(token_at(number))))
    with pytest.raises(ConsistencyTokenInvalidError):
        TOKENS.decode(text.replace("-", "+"))


def token_at(number: int) -> ConsistencyToken:
    return ConsistencyToken(**{**vars(TOKEN), "offset": Offset(number, number)})


def test_several_tokens_come_comma_separated_or_on_several_lines() -> None:
    one, two = TOKENS.encode(TOKEN), TOKENS.encode(token_at(9))
    expected = (TOKEN, token_at(9))
    assert TOKENS.decode_all(f"{one},{two}") == expected
    assert TOKENS.decode_all(f" {one} ,\t{two},") == expected
    assert TOKENS.decode_all([one, two]) == expected
    assert TOKENS.decode_all(None) == ()


@pytest.mark.parametrize("header", ["", ",", "x", ["x", "y"]])
def test_a_header_without_a_valid_token_is_invalid(header: str | list[str]) -> None:
    with pytest.raises(ConsistencyTokenInvalidError):
        TOKENS.decode_all(header)


def test_more_tokens_than_anybody_needs_are_invalid() -> None:
    text = TOKENS.encode(TOKEN)
    assert len(TOKENS.decode_all([text] * MOST_TOKENS)) == MOST_TOKENS
    with pytest.raises(ConsistencyTokenInvalidError):
        TOKENS.decode_all([text] * (MOST_TOKENS + 1))
