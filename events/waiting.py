"""What waits behind one another among what is parked: groups, in order, each event in one of them.

A group is all that is connected by common ids: an unreadable edit is known by its message alone, a
later one by message and conversation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from events.contracts.offsets import Offset
from runtime.ids import Partition

_KEYS = text(
    """
    SELECT d."offset", d.conversation_id, e.message_id
    FROM event_log.dead_letter AS d
    LEFT JOIN event_log.event AS e ON e.partition = d.partition AND e."offset" = d."offset"
    WHERE d.partition = :partition AND d.state = 'parked' ORDER BY d."offset"
    """
)
_KEYS_OF = text(
    """
    SELECT d.conversation_id, (
        SELECT e.message_id FROM event_log.event AS e
        WHERE e.partition = d.partition AND e."offset" = d."offset")
    FROM event_log.dead_letter AS d
    WHERE d.partition = :partition AND d."offset" = :offset
        AND d.state IS NOT DISTINCT FROM 'parked'
    """
)
# With these there is no way to rows in order but by the index that has them so. Else Postgres may
# read all that a partition has parked, and sort it, where it believes that to be a row or two.
_WAYS = ("enable_sort", "enable_incremental_sort", "enable_bitmapscan")
_SET_WAYS = text(
    "SELECT set_config(way, :value, true) FROM unnest(CAST(:ways AS text[])) AS w(way)"
)
# Not equality but a range, in the order of an index up to its end, and subqueries of one row: so no
# statistics, nor their lack, make the planner read all that is parked. See also
# `dead_letters.parked_among`.
_FIRST_OF_KEYS = text(
    """
    SELECT k.key, f.* FROM unnest(CAST(:keys AS uuid[])) AS k(key) CROSS JOIN LATERAL (
        (SELECT 'conversation' AS way, d."offset", d.conversation_id, (
                SELECT e.message_id FROM event_log.event AS e
                WHERE e.partition = d.partition AND e."offset" = d."offset") AS message_id
            FROM event_log.dead_letter AS d
            WHERE d.partition = :partition AND d.state = 'parked'
                AND d.conversation_id >= k.key AND d.conversation_id <= k.key
                AND (d.conversation_id, d."offset") <= (k.key, :until)
            ORDER BY d.conversation_id, d."offset" LIMIT :most)
        UNION ALL
        (SELECT 'message', e."offset", (
                SELECT d.conversation_id FROM event_log.dead_letter AS d
                WHERE d.partition = e.partition AND d."offset" = e."offset"), e.message_id
            FROM event_log.event AS e
            WHERE e.outcome = 'parked' AND e.message_id >= k.key AND e.message_id <= k.key
                AND (e.message_id, e."offset") <= (k.key, :until) AND e.partition = :partition
                -- It may be discarded.
                AND 'parked' = (
                    SELECT d.state FROM event_log.dead_letter AS d
                    WHERE d.partition = e.partition AND d."offset" = e."offset")
            ORDER BY e.message_id, e."offset" LIMIT :most)
    ) AS f
    """
)
# Behind every offset.
_END = "~"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parked event and the ids by which others wait behind it."""

    offset: Offset
    keys: tuple[UUID, ...]


def waiting(connection: Connection, partition: Partition) -> list[Waiting]:
    """Return all parked events of `partition`, in order."""
    rows = connection.execute(_KEYS, {"partition": partition})
    return [Waiting(Offset.parse(row[0]), _known(row[1:])) for row in rows]


def groups(parked: Iterable[Waiting]) -> list[list[Offset]]:
    """Return the groups of all that is parked in a partition."""
    leaders: dict[UUID, UUID] = {}

    def leader(key: UUID) -> UUID:
        while (above := leaders.setdefault(key, key)) != key:
            leaders[key] = leaders.setdefault(above, above)
            key = above
        return key

    letters = list(parked)
    for letter in letters:
        for key in letter.keys[1:]:
            leaders[leader(key)] = leader(letter.keys[0])
    found: dict[UUID | Offset, list[Offset]] = {}
    for letter in letters:
        # Without an id nothing waits behind it.
        name = leader(letter.keys[0]) if letter.keys else letter.offset
        found.setdefault(name, []).append(letter.offset)
    return list(found.values())


def first_of_group(
    connection: Connection, partition: Partition, member: Offset, *, most: int
) -> list[Offset]:
    """Return the first events of the group of `member`, in order; none if it is parked no longer.

    What it costs goes by `most`, not by how much is parked. Of each event returned, all that it
    waits behind is returned too. A group of more than `most` may so be known in part, but of that
    part at least `most` are returned.

    Args:
        connection: In a transaction that holds the partition's checkpoint.
        partition: The partition.
        member: Any event of the group.
        most: At least so many, if there are, and not many more.
    """
    place = {"partition": partition, "offset": member.sortable()}
    row = connection.execute(_KEYS_OF, place).one_or_none()
    if row is None:
        return []
    connection.execute(_SET_WAYS, {"ways": list(_WAYS), "value": "off"})
    keys, asked, until = set(_known(row)), set[UUID](), _END
    found = {member.sortable(): _known(row)}
    while keys:
        values = {"partition": partition, "keys": list(keys), "until": until, "most": most}
        rows = connection.execute(_FIRST_OF_KEYS, values).all()
        found |= {row.offset: _known((row.conversation_id, row.message_id)) for row in rows}
        # What lies behind the last row of a key that has more is not known well enough.
        until = min([until, *_ends(rows, most)])
        asked |= keys
        keys = set(chain.from_iterable(found[at] for at in found if at <= until)) - asked
    connection.execute(_SET_WAYS, {"ways": list(_WAYS), "value": "on"})
    return [Offset.parse(at) for at in sorted(found) if at <= until]


def _ends(rows: Sequence[Row[*tuple[Any, ...]]], most: int) -> Iterator[str]:
    """Give the last offset of each key that was found `most` times: it may name more events."""
    found: defaultdict[tuple[UUID, str], list[str]] = defaultdict(list)
    for row in rows:
        found[row.key, row.way].append(row.offset)
    return (max(offsets) for offsets in found.values() if len(offsets) == most)


def _known(keys: Iterable[UUID | None]) -> tuple[UUID, ...]:
    return tuple(key for key in keys if key is not None)
