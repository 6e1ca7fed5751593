"""Passwords: what is acceptable, and how one is hashed and checked (Argon2id)."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from auth_api.settings import PasswordSettings

SHORTEST = 8
LONGEST = 128
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

    def hash(self, password: str) -> str:
        """Return a salted hash that holds its own parameters."""
        return self._hasher.hash(password)

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is the password's; without a hash, work as hard and say no."""
        try:
            self._hasher.verify(password_hash or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)


@cache
def _common() -> frozenset[str]:
    text = files("auth_api").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("# "))
