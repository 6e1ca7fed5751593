"""The envelope of an event: CloudEvents 1.0 in its JSON format.

`partitionkey` and `traceparent` are CloudEvents' documented extensions; `actor` and `requestid`
are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from events.contracts.accounts import AccountDeleted
from events.contracts.base import (
    Event,
    Payload,
    PoisonEventError,
    as_uuid,
    read_field,
    read_optional_text,
)
from events.contracts.canaries import CanarySent
from events.contracts.conversations import ConversationRead
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from events.contracts.upcasting import Reader, readers
from runtime.clock import parse_rfc3339, rfc3339
from runtime.ids import AccountId, EventId

# What is written: the current version of each type.
CONTRACTS: Mapping[str, type[Event]] = {
    contract.type_name(): contract
    for contract in (
        *(MessageSent, MessageEdited, MessageDeleted),
        *(ConversationRead, AccountDeleted, CanarySent),
    )
}
# What is read: every version ever written.
READERS: Mapping[str, Reader] = readers(CONTRACTS.values())


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """An event with who, when and in which request.

    Attributes:
        id: Names the event for ever; a second entry of the same id has no second effect.
        event: The fact.
        actor_id: The account whose command it was.
        occurred_at: When the command was accepted; aware.
        request_id: `X-Request-ID` of the command, where known.
        traceparent: W3C Trace Context of the command, where the client sent one.
    """

    id: EventId
    event: Event
    actor_id: AccountId
    occurred_at: datetime
    request_id: str | None = None
    traceparent: str | None = None

    def encode(self) -> bytes:
        """Return the CloudEvents JSON."""
        event = self.event
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(self.id),
            "source": event.SOURCE,
            "type": event.type_name(),
            "time": rfc3339(self.occurred_at),
            "partitionkey": str(event.partition_key),
            "actor": str(self.actor_id),
            "datacontenttype": "application/json",
            "data": event.payload(),
        }
        if self.request_id is not None:
            attributes["requestid"] = self.request_id
        if self.traceparent is not None:
            attributes["traceparent"] = self.traceparent
        return orjson.dumps(attributes)

    @classmethod
    def decode(cls, entry: bytes) -> Envelope:
        """Read what `encode` returned, now or at any earlier version, as the current contract.

        Raises:
            PoisonEventError: It is no JSON object, of no known type or version, or a part is
                unusable.
        """
        attributes = _object(entry)
        reader = _reader(attributes.get("type"))
        return cls(
            id=EventId(read_field(attributes, "id", as_uuid)),
            event=reader.read(read_field(attributes, "data", _as_mapping)),
            actor_id=AccountId(read_field(attributes, "actor", as_uuid)),
            occurred_at=read_field(attributes, "time", parse_rfc3339),
            request_id=read_optional_text(attributes, "requestid"),
            traceparent=read_optional_text(attributes, "traceparent"),
        )


def read_event(type_name: str, payload: Payload) -> Event:
    """Return the event that the log keeps as `type_name` and `payload`, redacted or not.

    Raises:
        PoisonEventError: It is of no known type or version, or a field is missing or unusable.
    """
    return _reader(type_name).read(payload)


def peek(entry: bytes) -> tuple[UUID | None, UUID | None]:
    """Return event id and partition key of an entry that may be unreadable, as far as it goes."""
    attributes = attributes_of(entry)
    return _uuid_or_none(attributes.get("id")), _uuid_or_none(attributes.get("partitionkey"))


def attributes_of(entry: bytes) -> Mapping[str, Any]:
    """Return the attributes of an entry as they stand in it; none where it is no JSON object."""
    try:
        return _object(entry)
    except PoisonEventError:
        return {}


def kind_of(type_name: object) -> str:
    """Return a type's name without its version: `message.sent` of `message.sent.v1`."""
    return str(type_name).rpartition(".v")[0]


def _reader(type_name: object) -> Reader:
    reader = READERS.get(type_name) if isinstance(type_name, str) else None
    if reader is None:
        raise PoisonEventError(f"no contract for type {type_name!r}{_known(str(type_name))}")
    return reader


def _known(type_name: str) -> str:
    """Return, for the message, the versions that this type is known in; nothing if it is not."""
    of_type = kind_of(type_name)
    versions = [r.version for r in READERS.values() if of_type == r.contract.TYPE]
    return f": of {of_type}, versions known are {', '.join(map(str, versions))}" if versions else ""


def _object(entry: bytes) -> Mapping[str, Any]:
    try:
        return _as_mapping(orjson.loads(entry))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise PoisonEventError(f"the entry is no JSON object: {error}") from error


def _as_mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value


def _uuid_or_none(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (TypeError, ValueError, AttributeError):
        return None
