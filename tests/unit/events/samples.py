"""Events of every contract, for tests with hypothesis, and the golden files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st

from events.contracts import asyncapi
from events.contracts.accounts import AccountDeleted
from events.contracts.base import Event
from events.contracts.canaries import CanarySent
from events.contracts.conversations import ConversationRead
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from runtime.ids import AccountId, ConversationId, EventId, MessageId, Partition

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "events" / "contracts" / "golden"
storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
uuids = st.uuids()
_ids = {
    "message_id": uuids.map(MessageId),
    "conversation_id": uuids.map(ConversationId),
    "recipient_id": uuids.map(AccountId),
}
sent = st.builds(MessageSent, **_ids, body=storable, subject=st.none() | storable)
edited = st.builds(
    MessageEdited,
    message_id=uuids.map(MessageId),
    changes=st.fixed_dictionaries(
        {}, optional={"body": storable, "subject": st.none() | storable}
    ).filter(bool),
)
redacted: st.SearchStrategy[Event] = st.one_of(
    st.builds(MessageSent, **_ids, body=st.just(""), redacted=st.just(True)),
    st.builds(
        MessageEdited,
        message_id=uuids.map(MessageId),
        changes=st.just({}),
        redacted=st.just(True),
    ),
)
deleted = st.builds(
    MessageDeleted,
    message_id=uuids.map(MessageId),
    audience=st.sampled_from(["everyone", "me"]),
)
read = st.builds(
    ConversationRead,
    conversation_id=uuids.map(ConversationId),
    peer_id=uuids.map(AccountId),
    up_to=st.integers(0, 2**63 - 1),
)
deletions: st.SearchStrategy[AccountDeleted] = st.builds(
    AccountDeleted,
    account_id=uuids.map(AccountId),
    in_partition=st.integers(0, 15).map(Partition),
    of_partitions=st.just(16),
    ordered_by=st.sampled_from(["owner", "operator"]),
)
canaries: st.SearchStrategy[CanarySent] = st.builds(
    CanarySent, in_partition=st.integers(0, 15).map(Partition), of_partitions=st.just(16)
)
# Those of a conversation or a message, as they are written first.
events: st.SearchStrategy[Event] = st.one_of(sent, edited, deleted, read)
every_event: st.SearchStrategy[Event] = events | deletions | redacted | canaries
envelopes = st.builds(
    Envelope,
    id=uuids.map(EventId),
    event=every_event,
    actor_id=uuids.map(AccountId),
    occurred_at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis adds the zone
    request_id=st.none() | storable,
    traceparent=st.none() | storable,
)


def golden(form: str) -> dict[str, Any]:
    attributes: dict[str, Any] = orjson.loads(asyncapi.golden(form))
    return attributes
