"""Places in a partition's event queue."""

from __future__ import annotations

from typing import NamedTuple


class Offset(NamedTuple):
    """An event's place in its partition: the Redis entry id, compared by its two numbers.

    Attributes:
        ms: Milliseconds since 1970 when it was appended, as Redis counted them.
        seq: Its number within that millisecond.
    """

    ms: int
    seq: int

    @classmethod
    def parse(cls, text: str) -> Offset:
        """Read `<ms>-<seq>`, zeros in front or not.

        Raises:
            ValueError: `text` is no offset.
        """
        ms, dash, seq = text.partition("-")
        if not dash or not (ms.isascii() and ms.isdigit() and seq.isascii() and seq.isdigit()):
            raise ValueError(f"{text!r} is no offset: it looks like 1771234567890-0")
        return cls(int(ms), int(seq))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"

    def sortable(self) -> str:
        """Return fixed-width text that sorts, byte by byte, as offsets do."""
        return f"{self.ms:020d}-{self.seq:020d}"


START = Offset(0, 0)
