"""What every contract is made of: a frozen dataclass, a type, a version, and strict decoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

from runtime.errors import MessagingError
from runtime.ids import ConversationId, MessageId, Partition, partition_of, partition_of_message
from runtime.words import unquoted

Payload = Mapping[str, Any]
T = TypeVar("T")


class PoisonEventError(MessagingError):
    """This event cannot be read or applied as it stands, now or ever."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact about one conversation; each subclass is the contract of one type and version.

    `conversation` and `message` are None where the event does not name them: an edit names only
    its message, and the projector finds out the conversation. An event about an account concerns
    the conversations of one partition, which it names itself.
    """

    SOURCE: ClassVar[str] = "/command/v1"
    TYPE: ClassVar[str]
    VERSION: ClassVar[int]

    @property
    def conversation(self) -> ConversationId | None:
        """The conversation, where the event names it."""
        return None

    @property
    def message(self) -> MessageId | None:
        """The message, where the event speaks of one."""
        return None

    @property
    def partition_key(self) -> UUID:
        """The id that leads to the partition: of the conversation, else of the message."""
        key = self.conversation or self.message
        if key is None:
            raise TypeError(f"{type(self).__name__} names neither conversation nor message")
        return key

    def partition(self, partitions: int) -> Partition:
        """Return the partition, of so many, in which the event's conversation lives."""
        if self.conversation is not None:
            return partition_of(self.conversation, partitions)
        if self.message is not None:
            return partition_of_message(self.message, partitions)
        raise TypeError(f"{type(self).__name__} names neither conversation nor message")

    def payload(self) -> dict[str, Any]:
        """Return the event's own fields, ready for JSON."""
        raise NotImplementedError

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        """Read the fields that `payload` returned.

        Raises:
            PoisonEventError: A field is missing or unusable.
        """
        raise NotImplementedError

    @classmethod
    def type_name(cls) -> str:
        """Return the CloudEvents `type`, version included: `message.sent.v1`."""
        return f"{cls.TYPE}.v{cls.VERSION}"


def read_field(payload: Payload, name: str, cast: Callable[[Any], T]) -> T:
    """Return `payload[name]` through `cast`.

    Raises:
        PoisonEventError: It is missing, or `cast` refuses it.
    """
    try:
        return cast(payload[name])
    except KeyError:
        raise PoisonEventError(f"the payload has no {name}") from None
    except (TypeError, ValueError, AttributeError) as error:
        # It may quote what somebody wrote, and this is kept as the reason.
        why = unquoted(str(error))
        raise PoisonEventError(f"the payload's {name} is unusable: {why}") from error


def read_optional_text(payload: Payload, name: str) -> str | None:
    """Return the text `payload[name]`, or None where it is missing or null.

    Raises:
        PoisonEventError: It is something else.
    """
    return read_field({name: None, **payload}, name, as_optional_text)


def read_flag(payload: Payload, name: str) -> bool:
    """Return the boolean `payload[name]`, or False where it is missing.

    Raises:
        PoisonEventError: It is something else.
    """
    return name in payload and read_field(payload, name, as_flag)


def as_flag(value: Any) -> bool:
    """Accept true and false alone."""
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def as_uuid(value: Any) -> UUID:
    """Accept the text of a UUID alone."""
    return UUID(value)


def as_text(value: Any) -> str:
    """Accept text that Postgres can store."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    if "\x00" in value:
        raise ValueError("holds a NUL")
    return value


def as_optional_text(value: Any) -> str | None:
    """Accept text or null."""
    return None if value is None else as_text(value)


def as_position(value: Any) -> int:
    """Accept a whole number from 0 to what a 64-bit integer holds."""
    if type(value) is not int:
        raise TypeError("not an integer")
    if not 0 <= value < 2**63:
        raise ValueError("out of range")
    return value
