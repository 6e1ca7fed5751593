"""Usernames: RFC 8265 and our bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from precis_i18n import get_profile

from web.usernames import UsernameInvalidError, prepare_username

pytestmark = pytest.mark.unit

_PROFILE = get_profile("UsernameCaseMapped")


@given(text=st.text(max_size=80))
def test_preparing_a_prepared_name_changes_nothing(text: str) -> None:
    try:
        prepared = prepare_username(text)
    except UsernameInvalidError:
        return
    assert prepare_username(prepared) == prepared
    assert 1 <= len(prepared) <= 64
    assert "/" not in prepared
    assert prepared not in {".", ".."}


@given(text=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64))
def test_the_short_way_for_ascii_agrees_with_the_library(text: str) -> None:
    enforced = _PROFILE.enforce(text)
    if "/" in text or text in {".", ".."}:
        with pytest.raises(UsernameInvalidError):
            prepare_username(text)
    else:
        assert prepare_username(text) == enforced


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("Alice", "alice"),
        ("ALICE@Example.org", "alice@example.org"),
        ("\uff21\uff4cice", "alice"),
        ("Jürgen", "jürgen"),
        ("Ju\u0308rgen", "jürgen"),
        ("Σίσυφος", "σίσυφος"),
        ("a" * 64, "a" * 64),
        ("u\u0308" * 64, "ü" * 64),
        ("...", "..."),
        ("שלום", "שלום"),
    ],
)
def test_names_are_prepared(text: str, prepared: str) -> None:
    assert prepare_username(text) == prepared


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "a" * 65,
        "ü" * 65,
        "a" * 100_000,
        "ü" * 100_000,
        ".",
        "..",
        "\uff0e",
        "a/b",
        "a\uff0fb",
        "a\0b",
        "a\nb",
        "a\u200bb",
        "\ud800",
        "♚",
        "ﬁ",
        "aא",
        "\U0001f600",
    ],
)
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsernameInvalidError):
        prepare_username(text)
