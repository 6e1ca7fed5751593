"""Whatever is sent, edited, deleted and read, in whatever batches: the fold and Postgres agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from events.contracts.accounts import AccountDeleted
from events.contracts.base import Event
from events.contracts.conversations import ConversationRead
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from runtime.ids import (
    AccountId,
    ConversationId,
    MessageId,
    Partition,
    conversation_of,
    new_id,
    new_message_id,
)
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.model import Model, ModelMessage

PEOPLE = 3
person = st.integers(0, PEOPLE - 1)
some_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8
)
changes = st.fixed_dictionaries(
    {}, optional={"body": some_text, "subject": st.none() | some_text}
).filter(bool)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), person, person, some_text, st.none() | some_text),
        st.tuples(st.just("edit"), person, st.integers(0, 9), changes),
        st.tuples(
            st.just("delete"), person, st.integers(0, 9), st.sampled_from(["everyone", "me"])
        ),
        st.tuples(st.just("read"), person, person, st.integers(1, 8)),
        st.tuples(st.just("leave"), person, st.integers(0, 3)),
        st.tuples(st.just("drain")),
        st.tuples(st.just("repeat"), st.integers(0, 9)),
    ),
    max_size=40,
)


class Scenario:
    """Turns abstract steps into envelopes among accounts that no other example knows."""

    def __init__(self) -> None:
        self.people = [AccountId(new_id()) for _ in range(PEOPLE)]
        self.messages: list[MessageId] = []

    def event(self, step: tuple[Any, ...]) -> tuple[Event, AccountId] | None:
        match step:
            case ("send", one, other, body, subject) if one != other:
                conversation = conversation_of(self.people[one], self.people[other])
                self.messages.append(new_message_id(conversation))
                sent = MessageSent(
                    message_id=self.messages[-1],
                    conversation_id=conversation,
                    recipient_id=self.people[other],
                    body=body,
                    subject=subject,
                )
                return sent, self.people[one]
            case ("edit", one, index, changed):
                edited = MessageEdited(message_id=self._message(index), changes=changed)
                return edited, self.people[one]
            case ("delete", one, index, audience):
                deleted = MessageDeleted(message_id=self._message(index), audience=audience)
                return deleted, self.people[one]
            case ("read", one, other, up_to) if one != other:
                reader, peer = self.people[one], self.people[other]
                conversation = conversation_of(reader, peer)
                read = ConversationRead(conversation_id=conversation, peer_id=peer, up_to=up_to)
                return read, reader
            case ("leave", one, partition):
                gone = AccountDeleted(
                    account_id=self.people[one],
                    in_partition=Partition(partition),
                    of_partitions=SETTINGS.partitions,
                    ordered_by="owner",
                )
                return gone, self.people[one]
        return None

    def _message(self, index: int) -> MessageId:
        if not self.messages:  # A message that nobody ever sent.
            return new_message_id(conversation_of(self.people[0], self.people[1]))
        return self.messages[index % len(self.messages)]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps, batch_size=st.sampled_from([1, 2, 7, 1_000]))
def test_the_read_model_equals_a_plain_fold(
    harness: Harness, steps: list[tuple[Any, ...]], batch_size: int
) -> None:
    scenario, model, sent = Scenario(), Model(), list[Envelope]()
    for step in steps:
        made = scenario.event(step)
        if made is not None:
            envelope = harness.envelope(*made)
            model.fold(envelope)
            sent.append(envelope)
            harness.append(envelope)
        elif step[0] == "repeat" and sent:  # The same event appended again has no second effect.
            harness.append(sent[step[1] % len(sent)])
        elif step[0] == "drain":
            harness.drain_all(batch_size)
    harness.drain_all(batch_size)

    assert outcomes(harness, sent) == model.outcomes
    for one, other in combinations(scenario.people, 2):
        assert_conversation_equals(harness, model, one, other)
    assert_no_text_of_deleted_accounts(harness, model)
    assert revisions(harness, scenario.people) == model.revisions


def assert_no_text_of_deleted_accounts(harness: Harness, model: Model) -> None:
    for account, partition in model.deleted:
        rows = query(
            harness,
            "SELECT data FROM event_log.event WHERE actor_id = :id AND partition = :partition",
            id=account,
            partition=partition,
        )
        assert not any({"body", "subject", "changes"} & row.data.keys() for row in rows)


def revisions(harness: Harness, people: list[AccountId]) -> dict[AccountId, int]:
    rows = query(
        harness,
        "SELECT account_id, CAST(sum(revision) AS int) AS revision FROM read_model.account_revision"
        " WHERE account_id = ANY(CAST(:people AS uuid[])) GROUP BY account_id",
        people=people,
    )
    return {row.account_id: row.revision for row in rows}


def outcomes(harness: Harness, sent: list[Envelope]) -> list[str]:
    rows = query(
        harness,
        "SELECT id, outcome FROM event_log.event WHERE id = ANY(CAST(:ids AS uuid[]))",
        ids=[envelope.id for envelope in sent],
    )
    found = {row.id: row.outcome for row in rows}
    return [found[envelope.id] for envelope in sent]


def assert_conversation_equals(
    harness: Harness, model: Model, one: AccountId, other: AccountId
) -> None:
    conversation = conversation_of(one, other)
    expected = model.conversation(conversation)
    assert_messages_equal(harness, conversation, expected)
    assert_members_equal(harness, model, conversation, {one: other, other: one})


def assert_messages_equal(
    harness: Harness, conversation: ConversationId, expected: Sequence[ModelMessage]
) -> None:
    stored = query(
        harness,
        "SELECT * FROM read_model.message WHERE conversation_id = :id ORDER BY position",
        id=conversation,
    )
    assert [
        (
            row.id,
            row.position,
            row.sender_id,
            row.recipient_id,
            row.subject,
            row.body,
            row.sent_at,
            row.edited_at,
            row.deleted_at,
            row.read_at,
            row.hidden_for_sender,
            row.hidden_for_recipient,
        )
        for row in stored
    ] == [
        (
            m.id,
            m.position,
            m.sender_id,
            m.recipient_id,
            m.subject,
            m.body,
            m.sent_at,
            m.edited_at,
            m.deleted_at,
            m.read_at,
            m.sender_id in m.hidden_for,
            m.recipient_id in m.hidden_for,
        )
        for m in expected
    ]


def assert_members_equal(
    harness: Harness,
    model: Model,
    conversation: ConversationId,
    peers: Mapping[AccountId, AccountId],
) -> None:
    expected = model.conversation(conversation)
    members = {
        row.account_id: row
        for row in query(
            harness,
            "SELECT * FROM read_model.conversation_member WHERE conversation_id = :id",
            id=conversation,
        )
    }
    assert members.keys() == (peers.keys() if expected else set())
    for account, row in members.items():
        assert row.peer_id == peers[account]
        assert row.read_position == model.read_positions.get((conversation, account), 0)
        assert row.unread_count == model.unread(conversation, account)
        assert row.last_message_id == model.last_visible(conversation, account)
        assert row.last_activity_at == expected[-1].sent_at


def query(harness: Harness, statement: str, **values: Any) -> list[Any]:
    with harness.engine.connect() as connection:
        return list(connection.execute(text(statement), values))
