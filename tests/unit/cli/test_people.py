"""Nicknames become usernames: always the same, as the service stores them, nobody's twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.demo.people import substitute, username_of
from web.usernames import prepare_username


@pytest.mark.parametrize("nickname", ["Ann", "|QuaD-", "a\\b^c`{d}", "Ünal", "x" * 64])
def test_a_nickname_that_is_a_username_stays_what_it_is(nickname: str) -> None:
    assert username_of(nickname) == prepare_username(nickname)


def test_nicknames_that_differ_in_case_are_one_person() -> None:
    assert username_of("LinuxJones") == username_of("linuxjones")
    assert username_of("A[D] minS") == username_of("a[d] MINs")


@pytest.mark.parametrize(
    "nickname", ["sinope[crashed] ", "A[D] minS", "a/b", ".", "..", "x" * 65, "\0", "\ud800", " "]
)
def test_any_other_nickname_gets_a_username_that_the_service_takes(nickname: str) -> None:
    username = username_of(nickname)
    assert username == prepare_username(username)
    assert username != prepare_username("person")


def test_a_substitute_resembles_its_nickname() -> None:
    assert username_of("[1] bill").startswith("[1]_bill~")


def test_different_nicknames_get_different_substitutes() -> None:
    nicknames = ["a b", "a  b", "a b ", " a b", "a/b", "a//b"]
    assert len({username_of(nickname) for nickname in nicknames}) == len(nicknames)


@given(st.text(min_size=1))
def test_every_nickname_gets_a_username_that_the_service_stores_unchanged(nickname: str) -> None:
    for username in (username_of(nickname), substitute(nickname)):
        assert prepare_username(username) == username
