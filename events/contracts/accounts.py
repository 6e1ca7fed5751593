"""Contracts about accounts: deleted. The envelope's actor is the account, whoever ordered it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, cast, get_args
from uuid import UUID

from events.contracts.base import (
    Event,
    Payload,
    PoisonEventError,
    as_position,
    as_uuid,
    read_field,
)
from events.contracts.upcasting import upcasts
from runtime.ids import AccountId, Partition

# The owner, by `DELETE /auth/v1/me`; an operator, by `messaging accounts delete`.
OrderedBy = Literal["owner", "operator"]


@dataclass(frozen=True, kw_only=True)
class AccountDeleted(Event):
    """An account is gone: what it sent in conversations of this partition loses its text.

    Every partition gets an event of its own, so that each is applied in order with what the
    account and its peers did there.

    Attributes:
        account_id: The account.
        in_partition: The partition that this event concerns.
        of_partitions: How many partitions there are.
        ordered_by: Who ordered it.
    """

    SOURCE: ClassVar[str] = "/auth/v1"
    TYPE: ClassVar[str] = "account.deleted"
    VERSION: ClassVar[int] = 2

    account_id: AccountId
    in_partition: Partition
    of_partitions: int
    ordered_by: OrderedBy

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
            "ordered_by": self.ordered_by,
        }

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        """Read the fields; see `Event.from_payload`."""
        read = cls(
            account_id=AccountId(read_field(payload, "account_id", as_uuid)),
            in_partition=Partition(read_field(payload, "partition", as_position)),
            of_partitions=read_field(payload, "partitions", as_position),
            ordered_by=read_field(payload, "ordered_by", _as_ordered_by),
        )
        if read.in_partition >= read.of_partitions:
            raise PoisonEventError("the payload's partition is not one of its partitions")
        return read


@upcasts("account.deleted", from_version=1)
def name_the_owner(payload: Payload) -> Payload:
    """Add who ordered it: while version 1 was written, only the owner could."""
    return {**payload, "ordered_by": "owner"}


def _as_ordered_by(value: Any) -> OrderedBy:
    if value not in get_args(OrderedBy):
        raise ValueError("neither owner nor operator")
    return cast("OrderedBy", value)
