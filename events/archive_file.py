"""An export as a file: each line in its place, and a checksum over all of them in the last.

The checksum tells damage, not malice: who can write the file can compute it anew.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from gzip import BadGzipFile
from typing import IO, NamedTuple

from events.archive import ArchiveError, End, Header, end_line
from events.archive_reading import Item, read_line
from events.checkpoints import Checkpoint
from events.contracts.offsets import START, Offset
from events.selection import Logged

# A message may have 16,384 characters; a row quotes it, escaped.
_LONGEST_LINE = 16 * 1024 * 1024
_START = (-1, 0, START)


class Line(NamedTuple):
    """What a line says, and how many bytes it has."""

    item: Item
    size: int


class Sealed:
    """Writes lines, and the last one with the checksum of all before."""

    def __init__(self, out: IO[bytes]) -> None:
        """Write to `out`."""
        self._out = out
        self._sum = hashlib.sha256()

    def write(self, lines: Iterable[bytes]) -> None:
        """Write `lines`."""
        for line in lines:
            self._sum.update(line)
            self._out.write(line)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all lines so far, in hexadecimal digits."""
        return self._sum.hexdigest()

    def end(self, header: Header, *, events: int, letters: int) -> None:
        """Write the last line."""
        end = End(events=events, letters=letters, sha256=self.sha256)
        self._out.write(end_line(header, end))


@dataclass(kw_only=True)
class _Order:
    """What came so far, by which the next line is judged."""

    header: Header
    checkpoint: Checkpoint | None = None
    last: tuple[int, int, Offset] = _START
    checkpoints: int = 0
    events: int = 0
    letters: int = 0

    def take(self, item: Item) -> None:
        """Count `item`, or raise ArchiveError where it does not follow what came before."""
        if isinstance(item, Header | End):
            raise ArchiveError("The export is damaged: its first or last line is there twice.")
        if isinstance(item, Checkpoint):
            self.checkpoint = item
            self.checkpoints += 1
            key = (item.partition, 0, START)
        else:
            is_event = isinstance(item, Logged)
            self.events += is_event
            self.letters += not is_event
            key = (item.place.partition, 1 if is_event else 2, item.place.offset)
            self._check_checkpoint(key[0], item.place.offset)
        if key <= self.last or key[0] >= self.header.partitions:
            where = f"{key[0]}/{key[2]}"
            raise ArchiveError(f"The export is damaged: {where} is out of order, or there twice.")
        self.last = key

    def _check_checkpoint(self, partition: int, offset: Offset) -> None:
        before = self.checkpoint
        if self.header.complete and (
            before is None or before.partition != partition or before.offset < offset
        ):
            raise ArchiveError(
                f"The export is damaged: {partition}/{offset} lies beyond its checkpoint."
            )

    def check_end(self, end: End) -> None:
        """Raise ArchiveError if something is missing."""
        counts = (self.events, self.letters)
        wanted = self.header.partitions if self.header.complete else 0
        short = self.header.complete and self.events != self.header.events
        if counts != (end.events, end.letters) or short or self.checkpoints != wanted:
            raise ArchiveError(
                f"The export is damaged: it holds {self.events} events and {self.letters} dead"
                f" letters, and was written with {end.events} and {end.letters}."
            )


def read(source: IO[bytes]) -> Iterator[Line]:
    """Give the lines of an export, from its header to its end, one at a time.

    Raises:
        ArchiveError: It is none, or it is cut off, out of order, or not as it was written: then
            before the last line is given.
    """
    summed = hashlib.sha256()
    order: _Order | None = None
    for number, line in enumerate(lines_of(source), 1):
        item = _item(line, number)
        if order is None:
            if not isinstance(item, Header):
                raise ArchiveError("This is no export of an event log.")
            order = _Order(header=item)
        elif isinstance(item, End):
            order.check_end(item)
            if item.sha256 != summed.hexdigest() or source.read(1):
                raise ArchiveError("The export is damaged: its lines are not those written.")
            yield Line(item, len(line))
            return
        else:
            order.take(item)
        summed.update(line)
        yield Line(item, len(line))
    raise ArchiveError("The export is cut off: its last line is missing.")


def _item(line: bytes, number: int) -> Item:
    try:
        return read_line(line)
    except ArchiveError as error:
        raise ArchiveError(f"Line {number}: {error}") from error


def lines_of(source: IO[bytes]) -> Iterator[bytes]:
    """Give the lines as they are; raises ArchiveError where compression breaks off."""
    try:
        while line := source.readline(_LONGEST_LINE):
            yield line
    except (EOFError, zlib.error, BadGzipFile) as error:
        raise ArchiveError(f"The export is cut off or damaged: {error}.") from error
