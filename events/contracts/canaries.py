"""Contracts about the service itself: the canary. Its actor is nobody, the nil UUID."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self
from uuid import UUID

from events.contracts.base import Event, Payload, PoisonEventError, as_position, read_field
from runtime.ids import AccountId, Partition

NOBODY = AccountId(UUID(int=0))


@dataclass(frozen=True, kw_only=True)
class CanarySent(Event):
    """The service sent itself an event through one partition, to see that it arrives.

    It concerns nobody's conversations and leaves no trace in the event log.

    Attributes:
        in_partition: The partition that it goes through.
        of_partitions: How many partitions there are.
    """

    SOURCE: ClassVar[str] = "/workers"
    TYPE: ClassVar[str] = "canary.sent"
    VERSION: ClassVar[int] = 1

    in_partition: Partition
    of_partitions: int

    @property
    def partition_key(self) -> UUID:
        """Nobody: the partition itself is in the payload."""
        return NOBODY

    def partition(self, partitions: int) -> Partition:
        """Return the partition that the event names.

        Raises:
            ValueError: There are not as many partitions as when the event was made.
        """
        if partitions != self.of_partitions:
            raise ValueError(f"made for {self.of_partitions} partitions, not for {partitions}")
        return self.in_partition

    def payload(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {"partition": self.in_partition, "partitions": self.of_partitions}

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        """Read the fields; see `Event.from_payload`."""
        read = cls(
            in_partition=Partition(read_field(payload, "partition", as_position)),
            of_partitions=read_field(payload, "partitions", as_position),
        )
        if read.in_partition >= read.of_partitions:
            raise PoisonEventError("the payload's partition is not one of its partitions")
        return read
