"""Counts what Argon2 is asked to do: the cost of an answer, without a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters


@contextmanager
def counted_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Parameters]]:
    """Collect the parameters, which are the cost, of each hash that is made or verified within."""
    verify, make = PasswordHasher.verify, PasswordHasher.hash
    made: list[Parameters] = []

    def verifying(self: PasswordHasher, hashed: str | bytes, password: str | bytes) -> bool:
        made.append(extract_parameters(str(hashed)))
        return verify(self, hashed, password)

    def making(self: PasswordHasher, password: str | bytes) -> str:
        hashed = make(self, password)
        made.append(extract_parameters(hashed))
        return hashed

    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", verifying)
        patch.setattr(PasswordHasher, "hash", making)
        yield made


def work(made: list[Parameters]) -> int:
    """Return what these hashes cost together: KiB filled, times passes."""
    return sum(one.memory_cost * one.time_cost for one in made)
