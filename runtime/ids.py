"""The identifiers of the domain, each a type of its own, and how they are made."""

from __future__ import annotations

import zlib
from typing import NewType
from uuid import UUID, uuid5

import uuid_utils.compat

AccountId = NewType("AccountId", UUID)
SessionId = NewType("SessionId", UUID)
ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)
EventId = NewType("EventId", UUID)
Position = NewType("Position", int)
Partition = NewType("Partition", int)
Epoch = NewType("Epoch", int)

_CONVERSATIONS = UUID("6d657373-6167-5e67-8c6f-6e766572736e")
_LOW_16 = 0xFFFF


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, 5.7): unique, and sorted by the time of its making."""
    return uuid_utils.compat.uuid7()


def conversation_of(one: AccountId, other: AccountId) -> ConversationId:
    """Return the id of the conversation of two accounts, the same in either order."""
    low, high = sorted((one, other))
    return ConversationId(uuid5(_CONVERSATIONS, f"{low}{high}"))


def new_message_id(conversation: ConversationId) -> MessageId:
    """Return a UUIDv7 whose last 16 bits lead to the partition of `conversation`.

    An edit or a delete names only the message; the command API finds its partition without a
    database by `partition_of_message`.
    """
    routed = new_id().int & ~_LOW_16 | zlib.crc32(conversation.bytes) & _LOW_16
    return MessageId(UUID(int=routed))


def new_erasure_id() -> EventId:
    """Return a UUIDv7 whose last 16 bits are 0: room for the number of a partition."""
    return EventId(UUID(int=new_id().int & ~_LOW_16))


def event_of_erasure(erasure: EventId, partition: int) -> EventId:
    """Return the id of an erasure's event in one partition, the same each time it is made."""
    return EventId(UUID(int=erasure.int | partition))


def partition_of(conversation: ConversationId, partitions: int) -> Partition:
    """Return the partition, 0 to `partitions` - 1, in which `conversation` lives.

    Args:
        conversation: The conversation.
        partitions: How many there are: a power of two of at most 65,536.
    """
    return Partition(zlib.crc32(conversation.bytes) & (partitions - 1))


def partition_of_message(message: MessageId, partitions: int) -> Partition:
    """Return the partition of the conversation for which `message` was made.

    A forged id leads to some partition, whose projector finds no such message there.
    """
    return Partition(message.int & _LOW_16 & (partitions - 1))
