"""Contracts about accounts: deleted. The envelope's actor is the account itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self
from uuid import UUID

from events.contracts.base import (
    Event,
    Payload,
    PoisonEventError,
    as_position,
    as_uuid,
    read_field,
)
from runtime.ids import AccountId, Partition


@dataclass(frozen=True, kw_only=True)
class AccountDeleted(Event):
    """An account is gone: what it sent in conversations of this partition loses its text.

    Every partition gets an event of its own, so that each is applied in order with what the
    account and its peers did there.

    Attributes:
        account_id: The account.
        in_partition: The partition that this event concerns.
        of_partitions: How many partitions there are.
    """

    SOURCE: ClassVar[str] = "/auth/v1"
    TYPE: ClassVar[str] = "account.deleted"
    VERSION: ClassVar[int] = 1

    account_id: AccountId
    in_partition: Partition
    of_partitions: int

    @property
    def partition_key(self) -> UUID:
        """The account: the partition itself is in the payload."""
        return self.account_id

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
        return {
            "account_id": str(self.account_id),
            "partition": self.in_partition,
            "partitions": self.of_partitions,
        }

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        """Read the fields; see `Event.from_payload`."""
        read = cls(
            account_id=AccountId(read_field(payload, "account_id", as_uuid)),
            in_partition=Partition(read_field(payload, "partition", as_position)),
            of_partitions=read_field(payload, "partitions", as_position),
        )
        if read.in_partition >= read.of_partitions:
            raise PoisonEventError("the payload's partition is not one of its partitions")
        return read
