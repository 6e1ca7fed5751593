"""Progress of a reader of the event log: in each partition, up to where it has seen all it may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

from events.contracts.offsets import Offset


class Reached(NamedTuple):
    """A place in a partition: behind an event, or in the midst of the many that an erasure makes.

    Attributes:
        ms: Of the event's offset.
        seq: Of the event's offset.
        within: 0 behind the event; else the position of the last message that the erasure made a
            tombstone and that has been told.
    """

    ms: int
    seq: int
    within: int = 0

    @classmethod
    def at(cls, offset: str, within: int = 0) -> Self:
        """Return the place at an event, whose offset is as the log keeps it."""
        ms, seq = Offset.parse(offset)
        return cls(ms, seq, within)

    def sortable(self) -> str:
        """Return text that sorts among offsets: behind its own, and before the next one.

        What an erasure makes lies between the two: `:` sorts before `;`.
        """
        end = f":{self.within:010d}" if self.within else ";"
        return Offset(self.ms, self.seq).sortable() + end


# A partition that is not in it has nothing that was seen: an account whose first conversation in
# it is yet to come has missed nothing there.
Progress = Mapping[int, Reached]
