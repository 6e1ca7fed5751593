"""Notices: what a worker tells whoever listens once a batch is committed; none is ever relied on.

A notice holds no content: who hears it looks into the database for what is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from events.contracts.offsets import Offset
from runtime.ids import Partition

# The Redis channel; publish and subscribe know no database numbers.
CHANNEL = "messaging.applied"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A partition is applied up to an offset."""

    partition: Partition
    offset: Offset

    def encode(self) -> str:
        """Return the notice as it is published."""
        return f"{self.partition} {self.offset}"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote.

        Raises:
            ValueError: It did not write that.
        """
        partition, _, offset = text.partition(" ")
        return cls(partition=Partition(int(partition)), offset=Offset.parse(offset))
