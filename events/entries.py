"""An entry of an event queue, wherever it lies: in its stream, or with the dead letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from events.contracts.offsets import Offset


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An entry of a partition's queue: where it stands, its gapless number, the envelope."""

    offset: Offset
    number: int
    envelope: bytes

    @classmethod
    def read(cls, offset: bytes, fields: dict[bytes, bytes]) -> Self:
        """Return the entry that Redis gives as `offset` and `fields`."""
        return cls(
            offset=Offset.parse(offset.decode()),
            number=int(fields.get(b"n", 0)),
            envelope=fields.get(b"e", b""),
        )
