"""What it takes to register and to log in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_api.schemas.accounts import RegisterSchema
from auth_api.schemas.sessions import LoginSchema
from web.problems import InvalidFieldsError
from web.strict_schemas import load

pytestmark = pytest.mark.unit

GOOD = {"username": "Alice", "email": "Alice@example.org", "password": "correct horse"}


def faults(**changes: Any) -> set[str]:
    """Return the fields at fault once `changes` are made; None leaves a field out."""
    body = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    try:
        load(RegisterSchema(), body)
    except InvalidFieldsError as error:
        return set(error.errors or {})
    return set()


def test_a_registration_is_loaded_prepared() -> None:
    assert load(RegisterSchema(), GOOD) == {**GOOD, "username": "alice"}


@pytest.mark.parametrize("name", GOOD)
def test_every_field_is_needed(name: str) -> None:
    assert faults(**{name: None}) == {name}


@pytest.mark.parametrize(
    "email",
    ["a@example.org", "a.b+c@sub.example.co.uk", "jürgen@example.org", "o'brien@example.org"],
)
def test_addresses_are_accepted(email: str) -> None:
    assert faults(email=email) == set()


@pytest.mark.parametrize(
    "email",
    ["", "a", "@", "a@", "@example.org", "a@b", "a b@example.org", "a@exam ple.org",
     "a@example.org\n", "a@@example.org", "\x01@example.org", '"a\x07"@example.org',
     "a" * 250 + "@example.org", 1],
)  # fmt: skip
def test_what_is_no_address_is_refused(email: object) -> None:
    assert faults(email=email) == {"email"}


@given(email=st.text(max_size=60))
def test_any_text_is_an_address_or_is_not(email: str) -> None:
    assert faults(email=email) <= {"email"}


@pytest.mark.parametrize(
    "password",
    [
        "x-y-z-42",
        "x y z 1 2",
        "\u043f\u0430\u0440\u043e\u043b\u044c-\u043d\u0435",
        "x" * 128,
        "\x01" * 9,
    ],
)
def test_passwords_of_8_to_128_characters_are_accepted(password: str) -> None:
    assert faults(password=password) == set()


@pytest.mark.parametrize(
    "password",
    ["", "x" * 7, "x" * 129, "password1", "PASSWORD1", "x" * 8 + "\0", 12345678, "u\u0308" * 7,
     "alice@EXAMPLE.org"],
)  # fmt: skip
def test_others_are_refused(password: object) -> None:
    assert faults(password=password) == {"password"}


def test_a_password_that_is_the_username_is_refused() -> None:
    assert faults(username="Alexandra-1", password="alexandra-1") == {"password"}


def test_a_field_that_nobody_knows_is_refused() -> None:
    assert faults(admin=True) == {"admin"}


def test_a_login_may_name_what_no_account_can_be_called() -> None:
    body = {"username": "a b/", "password": "x"}
    assert load(LoginSchema(), body) == body
