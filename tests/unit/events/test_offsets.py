"""Offsets compare alike as numbers and as the text that the database keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contracts.offsets import Offset

offsets = st.builds(Offset, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


@given(offsets, offsets)
def test_sortable_text_sorts_as_offsets_do(one: Offset, other: Offset) -> None:
    assert (one.sortable() < other.sortable()) == (one < other)


@given(offsets)
def test_an_offset_reads_back(offset: Offset) -> None:
    assert Offset.parse(str(offset)) == offset == Offset.parse(offset.sortable())


@pytest.mark.parametrize(
    "text", ["", "1", "-", "1-", "-1", "a-b", "1-2-3", "1 -2", "\u0661-\u0662", "+1-2"]
)
def test_other_text_is_no_offset(text: str) -> None:
    with pytest.raises(ValueError, match="no offset"):
        Offset.parse(text)
