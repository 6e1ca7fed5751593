"""A changed copy of a parked event: what may differ from the original, and what may not."""

from __future__ import annotations

from events.contracts.base import PoisonEventError
from events.contracts.envelope import Envelope, attributes_of, kind_of
from runtime.errors import MessagingError
from runtime.ids import Partition, partition_of_message

# Whose word it is, which event, about what, said when.
_KEPT = ("id", "actor", "partitionkey", "time")


class ChangeRefusedError(MessagingError):
    """The changed copy is another event than the original."""


def check_change(
    original: bytes, changed: bytes, *, partition: Partition, partitions: int
) -> Envelope:
    """Return `changed`, decoded by its contract, if it is still the same event.

    Id, author, time, type (its version may differ) and conversation must be the original's, as far
    as that could be read; what the event says may differ.

    Args:
        original: The entry as it was found in the queue.
        changed: The copy.
        partition: Where the original was queued.
        partitions: How many there are.

    Raises:
        ChangeRefusedError: It is not, or not readable.
    """
    try:
        envelope = Envelope.decode(changed)
    except PoisonEventError as error:
        raise ChangeRefusedError(f"The changed copy cannot be read: {error}.") from error
    was, now = attributes_of(original), attributes_of(changed)
    for name in _KEPT:
        if name in was and was[name] != now.get(name):
            raise ChangeRefusedError(f"The changed copy has another {name}: leave it as it was.")
    if "type" in was and kind_of(was["type"]) != kind_of(now["type"]):
        raise ChangeRefusedError("The changed copy has another type: leave it as it was.")
    if str(envelope.event.partition_key) != was.get("partitionkey", now.get("partitionkey")):
        raise ChangeRefusedError("The changed copy belongs to another conversation or message.")
    if _partitions(envelope, partitions) != {partition}:
        raise ChangeRefusedError("The changed copy belongs to another partition.")
    return envelope


def _partitions(envelope: Envelope, partitions: int) -> set[Partition]:
    """Return where the event leads, and where later ones about its message will."""
    message = envelope.event.message
    later = set() if message is None else {partition_of_message(message, partitions)}
    try:
        return {envelope.event.partition(partitions)} | later
    except ValueError as error:
        raise ChangeRefusedError(f"The changed copy belongs nowhere: {error}.") from error
