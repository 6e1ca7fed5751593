"""Contracts: what was ever written stays readable, and nothing unreadable gets through."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contracts.accounts import AccountDeleted
from events.contracts.base import Event, PoisonEventError
from events.contracts.conversations import ConversationRead
from events.contracts.envelope import CONTRACTS, Envelope, peek
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from events.contracts.redaction import redact_entry
from events.erasures import Erasure
from runtime.ids import (
    AccountId,
    ConversationId,
    EventId,
    MessageId,
    Partition,
    new_erasure_id,
)

GOLDEN = Path(__file__).parent / "golden"
storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
uuids = st.uuids()
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        MessageSent,
        message_id=uuids.map(MessageId),
        conversation_id=uuids.map(ConversationId),
        recipient_id=uuids.map(AccountId),
        body=storable,
        subject=st.none() | storable,
    ),
    st.builds(
        MessageEdited,
        message_id=uuids.map(MessageId),
        changes=st.fixed_dictionaries(
            {}, optional={"body": storable, "subject": st.none() | storable}
        ).filter(bool),
    ),
    st.builds(
        MessageDeleted,
        message_id=uuids.map(MessageId),
        audience=st.sampled_from(["everyone", "me"]),
    ),
    st.builds(
        ConversationRead,
        conversation_id=uuids.map(ConversationId),
        peer_id=uuids.map(AccountId),
        up_to=st.integers(0, 2**63 - 1),
    ),
)
deletions: st.SearchStrategy[Event] = st.builds(
    AccountDeleted,
    account_id=uuids.map(AccountId),
    in_partition=st.integers(0, 15).map(Partition),
    of_partitions=st.just(16),
)
envelopes = st.builds(
    Envelope,
    id=uuids.map(EventId),
    event=events | deletions,
    actor_id=uuids.map(AccountId),
    occurred_at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis adds the zone
    request_id=st.none() | storable,
    traceparent=st.none() | storable,
)


@given(envelopes)
def test_an_envelope_reads_back_as_it_was_written(envelope: Envelope) -> None:
    assert Envelope.decode(envelope.encode()) == envelope


@given(events, st.integers(0, 10))
def test_an_events_partition_is_that_of_its_conversation(event: Event, bits: int) -> None:
    assert 0 <= event.partition(1 << bits) < 1 << bits


@given(deletions)
def test_a_deletion_names_its_partition_itself(event: AccountDeleted) -> None:
    assert event.partition(16) == event.in_partition
    with pytest.raises(ValueError, match="made for 16 partitions"):
        event.partition(32)


def test_an_erasures_events_are_the_same_each_time_and_differ_from_one_another() -> None:
    erasure = Erasure(
        account_id=AccountId(uuid4()),
        event_id=new_erasure_id(),
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
        request_id="r-1",
    )
    made = erasure.envelopes(range(1024))
    assert made == erasure.envelopes(range(1024))
    assert [envelope.event.partition(1024) for envelope in made] == list(range(1024))
    assert len({envelope.id for envelope in made}) == 1024
    assert made[0].id == erasure.event_id
    assert {envelope.id.version for envelope in made} == {7}


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_poison_never_a_crash(entry: bytes) -> None:
    with pytest.raises(PoisonEventError):
        Envelope.decode(entry)
    peek(entry)


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_every_contract_reads_its_golden_file(name: str) -> None:
    """A golden file is never changed: change the contract's version instead, and add a file."""
    golden = (GOLDEN / f"{name}.json").read_bytes()
    envelope = Envelope.decode(golden)
    assert orjson.loads(envelope.encode()) == orjson.loads(golden)


def test_no_golden_file_is_without_a_contract() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CONTRACTS)


ANY: dict[str, Any] = orjson.loads((GOLDEN / "message.sent.v1.json").read_bytes())


@pytest.mark.parametrize("attribute", ["id", "type", "time", "actor", "data"])
def test_an_envelope_without_a_needed_attribute_is_poison(attribute: str) -> None:
    with pytest.raises(PoisonEventError):
        Envelope.decode(orjson.dumps({k: v for k, v in ANY.items() if k != attribute}))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("id", 7),
        ("id", "x"),
        ("actor", None),
        ("time", "yesterday"),
        ("time", "2026-01-01T00:00:00"),
        ("data", []),
        ("type", "message.sent.v2"),
        ("requestid", 5),
        ("traceparent", "\x00"),
    ],
)
def test_an_unusable_attribute_is_poison(attribute: str, value: object) -> None:
    with pytest.raises(PoisonEventError):
        Envelope.decode(orjson.dumps({**ANY, attribute: value}))


@pytest.mark.parametrize(
    ("contract", "field", "value"),
    [
        ("message.sent.v1", "body", None),
        ("message.sent.v1", "body", "\x00"),
        ("message.sent.v1", "subject", 1),
        ("message.sent.v1", "recipient_id", "nobody"),
        ("message.edited.v1", "changes", {}),
        ("message.edited.v1", "changes", {"sender": "x"}),
        ("message.edited.v1", "changes", {"body": None}),
        ("message.deleted.v1", "for", "us"),
        ("conversation.read.v1", "up_to", -1),
        ("conversation.read.v1", "up_to", True),
        ("conversation.read.v1", "up_to", 2**63),
        ("account.deleted.v1", "partition", 16),
        ("account.deleted.v1", "partition", True),
        ("account.deleted.v1", "partitions", None),
        ("account.deleted.v1", "account_id", 1),
    ],
)
def test_an_unusable_payload_is_poison(contract: str, field: str, value: object) -> None:
    attributes = orjson.loads((GOLDEN / f"{contract}.json").read_bytes())
    attributes["data"][field] = value
    with pytest.raises(PoisonEventError, match=field):
        Envelope.decode(orjson.dumps(attributes))


def test_peek_finds_what_can_be_read_of_a_poison_entry() -> None:
    ids = UUID(ANY["id"]), UUID(ANY["partitionkey"])
    assert peek(orjson.dumps({**ANY, "type": "unknown"})) == ids
    assert peek(b"[]") == (None, None)


@given(envelopes)
def test_a_redacted_entry_says_no_word_and_can_still_be_decided_on(envelope: Envelope) -> None:
    redacted = redact_entry(envelope.encode(), envelope.actor_id)
    assert redacted is not None
    read = Envelope.decode(redacted)
    assert (read.id, read.actor_id) == (envelope.id, envelope.actor_id)
    match read.event:
        case MessageSent():
            assert (read.event.body, read.event.subject) == ("", None)
        case MessageEdited():
            assert read.event.changes == {"body": ""}
        case _:
            assert read.event == envelope.event
    assert redact_entry(envelope.encode(), AccountId(uuid4())) is None


def test_what_cannot_be_read_is_redacted_whole() -> None:
    actor = AccountId(UUID(ANY["actor"]))
    unknown = orjson.dumps({**ANY, "type": "message.sent.v99", "data": {"text": "a secret"}})
    for entry in (unknown, orjson.dumps(ANY)[:-4]):
        redacted = redact_entry(entry, actor)
        assert redacted is not None
        assert b"secret" not in redacted
        assert ANY["data"]["body"].encode() not in redacted
    assert redact_entry(b"[]", actor) is None
