"""Passwords: what is acceptable, and how one is hashed and checked (Argon2id)."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from auth_api.settings import PasswordSettings

SHORTEST = 8
LONGEST = 128
# Argon2 takes no less for each lane.
_LEAST_MEMORY_KIB = 8
OWN_NAME = "May not be the username or the e-mail address."


def normalised(password: str) -> str:
    """Return the password in Unicode's form C, so that every keyboard spells it alike."""
    return unicodedata.normalize("NFC", password)


def is_common(password: str) -> bool:
    """Return whether so many people use the password that it is guessed first."""
    return password.casefold() in _common()


def is_own_name(password: str, *names: str) -> bool:
    """Return whether the password is one of its owner's `names`, in whatever case."""
    return password.casefold() in {name.casefold() for name in names}


class Passwords:
    """Hashes passwords and checks them, in the same time whether there is an account or not."""

    def __init__(self, settings: PasswordSettings) -> None:
        """Hash as `settings` say; hashes made with others are still understood."""
        self._hasher = PasswordHasher(
            time_cost=settings.passes,
            memory_cost=settings.memory_kib,
            parallelism=settings.lanes,
            type=Type.ID,
        )
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())
        # What a no costs. Hashes of dearer parameters that are in the database raise it as they
        # are met: a name that nobody has must cost as much as theirs.
        self._most = _work(self._nobodys)

    def hash(self, password: str) -> str:
        """Return a salted hash that holds its own parameters."""
        return self._hasher.hash(password)

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is the password's; without a hash, work as hard and say no.

        Every no costs the same, also where the hash was made with other parameters than today's.
        """
        hashed = password_hash or self._nobodys
        done = _work(hashed)
        self._most = max(self._most, done)
        try:
            self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            self._work_on(self._most - done, password)
            return False
        return password_hash is not None

    def _work_on(self, work: int, password: str) -> None:
        if work <= 0:
            return
        passes = -(-work // self._hasher.memory_cost)
        memory = max(work // passes, _LEAST_MEMORY_KIB * self._hasher.parallelism)
        PasswordHasher(
            time_cost=passes,
            memory_cost=memory,
            parallelism=self._hasher.parallelism,
            type=Type.ID,
        ).hash(password)

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)


def _work(password_hash: str) -> int:
    """Return what a verification costs: KiB filled, times passes; 0 where there is no hash."""
    try:
        parameters = extract_parameters(password_hash)
    except ValueError:
        return 0
    return parameters.memory_cost * parameters.time_cost


@cache
def _common() -> frozenset[str]:
    text = files("auth_api").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("# "))
