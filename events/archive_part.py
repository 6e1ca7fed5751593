"""What a stopped export leaves: whole partitions, the one it was at, and by what it selects.

Each partition of an export stands by itself, so that those that are whole may be kept and the
others be read at a later moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any
from uuid import UUID

import orjson

from events.archive import DEAD_LETTER, HEADER, STOPPED, ArchiveError, Header, own_line
from events.archive_file import Sealed, lines_of
from events.archive_reading import read_line
from events.selection import Selection
from runtime.clock import parse_rfc3339, rfc3339
from runtime.ids import AccountId, ConversationId, Partition

_DAMAGED = "What the stopped export has left is damaged: remove it."


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """An export that was stopped.

    Attributes:
        header: Its first line.
        partition: Where it was: of this partition and those behind nothing is to be kept.
        selection: Its filters.
        events: How many rows of the log are to be kept.
        letters: How many dead letters.
    """

    header: Header
    partition: Partition
    selection: Selection
    events: int
    letters: int


def stop(out: Sealed, header: Header, partition: Partition, selection: Selection) -> None:
    """Write the last line of an export that stops in `partition`."""
    filters = {name: value for name, value in asdict(selection).items() if value}
    filters |= {name: rfc3339(filters[name]) for name in ("since", "until") if name in filters}
    data = {"partition": partition, "filters": filters, "sha256": out.sha256}
    out.write([own_line(f"{header.id}/stopped", STOPPED, header.made_at, data)])


def read(source: IO[bytes]) -> Stopped:
    """Read to its end what an export left that was stopped.

    Raises:
        ArchiveError: It is none, or damaged.
    """
    try:
        return _read(source)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # The checksum tells of damage, but lines are counted before it is reached.
        raise ArchiveError(_DAMAGED) from error


def _read(source: IO[bytes]) -> Stopped:
    summed, before = hashlib.sha256(), b""
    first, counts = b"", dict[int, list[int]]()
    for line in lines_of(source):
        first = first or line
        if before:
            summed.update(before)
            _count(before, counts)
        before = line
    header, last = read_line(first) if first else None, orjson.loads(before or b"{}")
    if not isinstance(header, Header) or last.get("type") != STOPPED:
        raise ArchiveError("This is nothing that a stopped export has left.")
    if last["data"]["sha256"] != summed.hexdigest():
        raise ArchiveError(_DAMAGED)
    partition = Partition(last["data"]["partition"])
    kept = [count for at, count in counts.items() if at < partition]
    return Stopped(
        header=header,
        partition=partition,
        selection=_selection(last["data"]["filters"]),
        events=sum(count[0] for count in kept),
        letters=sum(count[1] for count in kept),
    )


def kept(source: IO[bytes], partition: Partition) -> Iterator[bytes]:
    """Give the lines of the partitions before this one, as they are."""
    for line in lines_of(source):
        attributes = orjson.loads(line)
        if attributes["type"] == STOPPED or attributes.get("partition", -1) >= partition:
            return
        if attributes["type"] != HEADER:
            yield line


def _count(line: bytes, counts: dict[int, list[int]]) -> None:
    """Count a line as an event or a letter of its partition."""
    attributes = orjson.loads(line)
    if "outcome" in attributes:
        counts.setdefault(attributes["partition"], [0, 0])[0] += 1
    elif attributes["type"] == DEAD_LETTER:
        counts.setdefault(attributes["partition"], [0, 0])[1] += 1


def _selection(filters: dict[str, Any]) -> Selection:
    """Return the filters that `stop` wrote."""

    def moment(name: str) -> Any:
        return parse_rfc3339(filters[name]) if name in filters else None

    def ids(name: str, kind: Any) -> Iterable[Any]:
        return (kind(UUID(value)) for value in filters.get(name, ()))

    return Selection(
        partitions=tuple(map(Partition, filters.get("partitions", ()))),
        since=moment("since"),
        until=moment("until"),
        types=tuple(filters.get("types", ())),
        accounts=tuple(ids("accounts", AccountId)),
        actors=tuple(ids("actors", AccountId)),
        conversations=tuple(ids("conversations", ConversationId)),
        outcomes=tuple(filters.get("outcomes", ())),
    )
