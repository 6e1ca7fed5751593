"""The limit to poison: beyond it the partition is stopped, for the fault may be ours.

A bug of ours makes event after event fail. To park them all would stop conversation after
conversation, and leave it to operators to put them in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, text

from runtime.ids import Partition
from runtime.settings import Reader
from workers.faults import PoisonLimitError

# Of so many recent events the share is taken.
_WINDOW = 1_000
# What lies in no log row was unreadable; it is an event all the same.
_COUNT = text(
    """
    WITH oldest AS (
        SELECT coalesce((
            SELECT "offset" FROM event_log.event WHERE partition = :partition
            ORDER BY "offset" DESC OFFSET :window - 1 LIMIT 1
        ), '') AS "offset"
    ), letters AS (
        SELECT d."offset", d.attempts > 0
            AND d.parked_at >= coalesce(c.resumed_at, '-infinity') AS poison
        FROM oldest, event_log.dead_letter AS d
        JOIN event_log.checkpoint AS c USING (partition)
        WHERE d.partition = :partition AND d."offset" >= oldest."offset"
    )
    SELECT (
            SELECT count(*) FROM event_log.event AS e, oldest
            WHERE e.partition = :partition AND e."offset" >= oldest."offset"
        ) + (
            SELECT count(*) FROM letters AS l WHERE NOT EXISTS (
                SELECT FROM event_log.event AS e
                WHERE e.partition = :partition AND e."offset" = l."offset"
            )
        ) AS events,
        (SELECT count(*) FROM letters WHERE poison) AS poison
    """
)


@dataclass(frozen=True, kw_only=True)
class FaultSettings:
    """How often an event is tried that fails for no known reason, and how much poison is too much.

    Attributes:
        attempts: Tries of an event before it is set aside.
        share: More percent of the recent events than this stop the partition; 100: never.
        least: As long as fewer are poison, the share does not count.
    """

    attempts: int = 5
    share: int = 10
    least: int = 20

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the group."""
        return cls(
            attempts=reader.integer("MESSAGING_EVENT_ATTEMPTS", cls.attempts),
            share=reader.integer("MESSAGING_POISON_SHARE", cls.share, most=100),
            least=reader.integer("MESSAGING_POISON_LEAST", cls.least),
        )

    def check(self, transaction: Connection, partition: Partition) -> None:
        """Look at the recent events of `partition`, those that `transaction` adds included.

        Raises:
            PoisonLimitError: Too many of them are poison.
        """
        values = {"partition": partition, "window": _WINDOW}
        events, poison = transaction.execute(_COUNT, values).one()
        recent = min(events, _WINDOW)
        if poison >= self.least and poison * 100 > self.share * recent:
            raise PoisonLimitError(
                f"{poison} of the last {recent} events could not be applied: mend the cause, resume"
            )
