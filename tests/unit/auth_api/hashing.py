"""Counts what Argon2 is asked to do: the cost of an answer, without a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters


@contextmanager
def counted_verifications(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Parameters]]:
    """Collect the parameters, which are the cost, of each hash that is verified within."""
    verify = PasswordHasher.verify
    made: list[Parameters] = []

    def counting(self: PasswordHasher, hashed: str | bytes, password: str | bytes) -> bool:
        made.append(extract_parameters(str(hashed)))
        return verify(self, hashed, password)

    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", counting)
        yield made
