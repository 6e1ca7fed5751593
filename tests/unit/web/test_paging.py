"""Cursors belong to one list; limits have bounds; links are RFC 8288."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.settings import Secret
from web.paging import CursorInvalidError, Cursors, CursorValue, limit_field, link_header
from web.problems import InvalidFieldsError
from web.strict_schemas import StrictSchema, load

pytestmark = pytest.mark.unit

CURSORS = Cursors(Secret("a" * 32))
_VALUES = st.lists(
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    max_size=4,
)


class PageSchema(StrictSchema):
    limit = limit_field()


@given(values=_VALUES, of=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_cursor_comes_back_for_its_own_list(values: list[CursorValue], of: str) -> None:
    assert CURSORS.decode(of, CURSORS.encode(of, values)) == values


@given(values=_VALUES)
def test_a_cursor_of_another_list_is_invalid(values: list[CursorValue]) -> None:
    with pytest.raises(CursorInvalidError):
        CURSORS.decode("conversations:bob", CURSORS.encode("conversations:alice", values))


@given(text=st.text(max_size=60))
def test_any_other_text_is_invalid(text: str) -> None:
    with pytest.raises(CursorInvalidError):
        CURSORS.decode("conversations", text)


def test_a_cursor_of_another_key_is_invalid() -> None:
    with pytest.raises(CursorInvalidError):
        CURSORS.decode("x", Cursors(Secret("b" * 32)).encode("x", [1]))


def test_the_limit_is_fifty_unless_given() -> None:
    assert load(PageSchema(), {}) == {"limit": 50}
    assert load(PageSchema(), {"limit": "200"}) == {"limit": 200}


@pytest.mark.parametrize("value", ["0", "201", "-1", "x", ""])
def test_a_limit_out_of_bounds_is_refused(value: str) -> None:
    with pytest.raises(InvalidFieldsError):
        load(PageSchema(), {"limit": value})


def test_links_name_their_relation() -> None:
    assert link_header("/a?x=1", "/b") == '</a?x=1>; rel="next", </b>; rel="prev"'
    assert link_header(None, "/b") == '</b>; rel="prev"'
    assert link_header(None, None) is None
