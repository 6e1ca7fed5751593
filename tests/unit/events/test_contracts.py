"""Contracts: what was ever written stays readable, and nothing unreadable gets through."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contracts.accounts import AccountDeleted
from events.contracts.base import Event, PoisonEventError
from events.contracts.envelope import Envelope, attributes_of, kind_of, peek, read_event
from events.contracts.messages import MessageEdited, MessageSent
from events.contracts.redaction import redact_entry, without_text
from events.erasures import Erasure
from runtime.ids import AccountId, new_erasure_id
from tests.unit.events.samples import deletions, envelopes, events, every_event, golden


@given(envelopes)
def test_an_envelope_reads_back_as_it_was_written(envelope: Envelope) -> None:
    assert Envelope.decode(envelope.encode()) == envelope


@given(every_event)
def test_a_row_of_the_log_is_read_as_it_was_written_redacted_or_not(event: Event) -> None:
    assert read_event(event.type_name(), event.payload()) == event
    left = read_event(event.type_name(), without_text(event.payload()))
    assert type(left) is type(event)
    assert left.message == event.message
    assert left.conversation == event.conversation
    assert read_event(left.type_name(), left.payload()) == left


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
        ordered_by="operator",
        request_id="r-1",
    )
    made = erasure.envelopes(range(1024))
    assert made == erasure.envelopes(range(1024))
    assert [envelope.event.partition(1024) for envelope in made] == list(range(1024))
    assert len({envelope.id for envelope in made}) == 1024
    assert made[0].id == erasure.event_id
    assert {made_.event.payload()["ordered_by"] for made_ in made} == {"operator"}
    assert {envelope.id.version for envelope in made} == {7}


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_poison_never_a_crash(entry: bytes) -> None:
    with pytest.raises(PoisonEventError):
        Envelope.decode(entry)
    peek(entry)


ANY = golden("message.sent.v1")


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
        ("type", []),
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
        ("account.deleted.v2", "partition", 16),
        ("account.deleted.v2", "ordered_by", None),
        ("account.deleted.v2", "ordered_by", ["owner"]),
        ("account.deleted.v2", "ordered_by", "nobody"),
        ("message.sent.v1.redacted", "redacted", "yes"),
        ("message.sent.v1.redacted", "recipient_id", 1),
        ("message.edited.v1.redacted", "message_id", None),
    ],
)
def test_an_unusable_payload_is_poison(contract: str, field: str, value: object) -> None:
    attributes = golden(contract)
    attributes["data"][field] = value
    with pytest.raises(PoisonEventError, match=field):
        Envelope.decode(orjson.dumps(attributes))


def test_peek_finds_what_can_be_read_of_a_poison_entry() -> None:
    ids = UUID(ANY["id"]), UUID(ANY["partitionkey"])
    assert peek(orjson.dumps({**ANY, "type": "unknown"})) == ids
    assert peek(b"[]") == (None, None)
    assert attributes_of(b'{"type":"unknown"}') == {"type": "unknown"}
    for unreadable in (b"[]", b"\xff", b"", b"1", b"null"):
        assert attributes_of(unreadable) == {}
    assert kind_of("message.sent.v12") == "message.sent"


@given(envelopes)
def test_a_redacted_entry_says_no_word_and_can_still_be_decided_on(envelope: Envelope) -> None:
    redacted = redact_entry(envelope.encode(), envelope.actor_id)
    assert redacted is not None
    read = Envelope.decode(redacted)
    assert (read.id, read.actor_id) == (envelope.id, envelope.actor_id)
    match read.event:
        case MessageSent():
            assert (read.event.body, read.event.subject, read.event.redacted) == ("", None, True)
        case MessageEdited():
            assert (read.event.changes, read.event.redacted) == ({}, True)
        case _:
            assert read.event == envelope.event
    assert redact_entry(envelope.encode(), AccountId(uuid4())) is None


def test_what_cannot_be_read_is_redacted_whole() -> None:
    actor = AccountId(UUID(ANY["actor"]))
    unknown = orjson.dumps({**ANY, "type": "message.sent.v99", "data": {"text": "a secret"}})
    untyped = orjson.dumps({**ANY, "type": ["message.sent.v1"]})
    for entry in (unknown, untyped, orjson.dumps(ANY)[:-4]):
        redacted = redact_entry(entry, actor)
        assert redacted is not None
        assert b"secret" not in redacted
        assert ANY["data"]["body"].encode() not in redacted
    assert redact_entry(b"[]", actor) is None
