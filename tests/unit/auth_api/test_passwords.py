"""Passwords: hashed with Argon2id, checked in the same time whoever asks."""

from __future__ import annotations

import pytest

from auth_api.passwords import LONGEST, SHORTEST, Passwords, _common, is_common, normalised
from auth_api.settings import PasswordSettings
from tests.unit.auth_api.hashing import counted_hashes, work

pytestmark = pytest.mark.unit

CHEAP = PasswordSettings(memory_kib=64, passes=1, lanes=1)


def test_a_hash_is_argon2id_with_the_parameters_of_the_settings() -> None:
    passwords = Passwords(PasswordSettings())
    hashed = passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.matches("correct horse", hashed)
    assert not passwords.matches("correct horsf", hashed)
    assert not passwords.is_outdated(hashed)


def test_two_hashes_of_one_password_differ() -> None:
    passwords = Passwords(CHEAP)
    assert passwords.hash("x") != passwords.hash("x")


def test_a_hash_made_with_other_parameters_is_understood_and_outdated() -> None:
    hashed = Passwords(CHEAP).hash("correct horse")
    today = Passwords(PasswordSettings(memory_kib=128, passes=1, lanes=1))
    assert today.matches("correct horse", hashed)
    assert today.is_outdated(hashed)


@pytest.mark.parametrize("hashed", ["", "nonsense", "$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA"])
def test_a_hash_that_is_none_matches_nothing(hashed: str) -> None:
    assert not Passwords(CHEAP).matches("x", hashed)


def test_without_an_account_checking_costs_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(CHEAP)
    hashed = passwords.hash("correct horse")
    with counted_hashes(monkeypatch) as made:
        for known in (hashed, None):
            assert not passwords.matches("wrong", known)
    [wrong, nobody] = made
    assert wrong == nobody


@pytest.mark.parametrize(
    ("memory_kib", "passes"), [(64, 3), (64, 1), (512, 2), (128, 4), (256, 3), (1024, 6), (200, 7)]
)
def test_a_no_costs_the_same_whatever_the_parameters_of_the_hash(
    monkeypatch: pytest.MonkeyPatch, memory_kib: int, passes: int
) -> None:
    former = Passwords(PasswordSettings(memory_kib=memory_kib, passes=passes, lanes=1))
    today = Passwords(PasswordSettings(memory_kib=256, passes=3, lanes=1))
    known = (former.hash("correct horse"), today.hash("correct horse"), None)
    costs = []
    for one in known:
        with counted_hashes(monkeypatch) as made:
            assert not today.matches("wrong", one)
        costs.append(work(made))
    assert max(costs) - min(costs) <= 8  # KiB, the least that Argon2 takes.
    assert min(costs) >= max(256 * 3, memory_kib * passes) - 8


def test_a_yes_costs_no_more_than_its_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = Passwords(CHEAP).hash("correct horse")
    today = Passwords(PasswordSettings(memory_kib=256, passes=3, lanes=1))
    with counted_hashes(monkeypatch) as made:
        assert today.matches("correct horse", hashed)
    assert work(made) == 64


@pytest.mark.parametrize(
    "password", ["password", "PassWord", "1234567890", "iloveyou", "qwertyuiop"]
)
def test_common_passwords_are_known_in_any_case(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize("password", ["correct horse battery", "", "# From the 20,000"])
def test_others_are_not(password: str) -> None:
    assert not is_common(password)


def test_the_same_characters_typed_differently_are_one_password() -> None:
    assert normalised("Ju\u0308rgen") == normalised("J\u00fcrgen")


def test_the_list_holds_more_than_three_thousand_that_could_be_chosen() -> None:
    assert len([one for one in _common() if SHORTEST <= len(one) <= LONGEST]) > 3_000


def test_every_character_of_a_long_password_counts() -> None:
    passwords = Passwords(CHEAP)
    long = "x" * (LONGEST - 1)
    hashed = passwords.hash(long + "y")
    assert passwords.matches(long + "y", hashed)
    for other in (long, long + "Y", long + "z", long + "y "):
        assert not passwords.matches(other, hashed)
