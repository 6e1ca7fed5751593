"""Whatever is changed by hand in the read model is found by verifying and mended by replaying."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from events.selection import EVERYTHING, Selection
from runtime.ids import AccountId, ConversationId, Partition, conversation_of, new_id, partition_of
from tests.projector.conftest import SETTINGS, Harness
from tests.projector.test_model import Scenario, query
from tests.rebuild.histories import HISTORY, perform, rows_of
from workers.alone import Engines
from workers.pace import Pace
from workers.replay import Replayed, replay
from workers.verify import Difference, Verification


def differences(engines: Engines, selection: Selection = EVERYTHING) -> list[Difference]:
    verification = Verification(engines.operator, selection)
    return [found for suspects in verification.run(Pace()) for found in suspects.differences]


def mended(engines: Engines, selection: Selection = EVERYTHING) -> Replayed:
    return replay(engines.worker, Verification(engines.operator, selection), Pace())


def tamper(superuser: Engine, statement: str, **values: object) -> None:
    with superuser.begin() as transaction:
        assert transaction.execute(text(statement), values).rowcount


CHANGED = {
    "message": [
        "body = 'forged'",
        "subject = NULL",
        "position = position + 100",
        "sent_at = sent_at + interval '1 microsecond'",
        "edited_at = now()",
        "deleted_at = now()",
        "read_at = now()",
        "hidden_for_sender = NOT hidden_for_sender",
        "hidden_for_recipient = NOT hidden_for_recipient",
        "sender_id = recipient_id",
        "recipient_id = sender_id",
        "conversation_id = gen_random_uuid()",
        "id = gen_random_uuid()",
    ],
    "conversation": ["last_position = last_position + 1", "id = gen_random_uuid()"],
    "conversation_member": [
        "unread_count = unread_count + 1",
        "read_position = read_position + 1",
        "last_message_id = gen_random_uuid()",
        "last_activity_at = now() + interval '1 day'",
        "peer_id = gen_random_uuid()",
        "account_id = gen_random_uuid()",
        "conversation_id = gen_random_uuid()",
    ],
}
ADDED = [
    "INSERT INTO read_model.conversation VALUES (gen_random_uuid(), 1)",
    """
    INSERT INTO read_model.message (id, conversation_id, position, sender_id, recipient_id, body,
        sent_at)
    SELECT gen_random_uuid(), conversation_id, 99, sender_id, recipient_id, 'forged', now()
    FROM read_model.message LIMIT 1
    """,
    """
    INSERT INTO read_model.conversation_member
    SELECT conversation_id, gen_random_uuid(), peer_id, 0, 0, NULL, now()
    FROM read_model.conversation_member LIMIT 1
    """,
    """
    INSERT INTO read_model.conversation_member
    VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, 0, NULL, now())
    """,
]
FIRST = "ctid = (SELECT min(ctid) FROM read_model.{table} WHERE {which})"
TAMPERINGS = [
    *(
        (
            table,
            f"UPDATE read_model.{table} SET {change} WHERE "
            + FIRST.format(
                table=table,
                which="subject IS NOT NULL" if change.startswith("subject") else "true",
            ),
        )
        for table, changes in CHANGED.items()
        for change in changes
    ),
    *(
        (table, f"DELETE FROM read_model.{table} WHERE " + FIRST.format(table=table, which="true"))
        for table in CHANGED
    ),
    *((statement.split()[2].removeprefix("read_model."), statement) for statement in ADDED),
    ("message", "DELETE FROM read_model.message"),
    (
        "message",
        "UPDATE read_model.message AS m SET id = gen_random_uuid(), body = 'forged'",
    ),
]


@pytest.mark.parametrize(("table", "statement"), TAMPERINGS)
def test_what_is_tampered_with_is_found_and_mended(
    engines: Engines, superuser: Engine, scenario: Scenario, table: str, statement: str
) -> None:
    before = rows_of(engines.operator, "read_model")
    assert differences(engines) == []
    tamper(superuser, statement)
    assert table in {found.table for found in differences(engines)}
    assert mended(engines).rows
    assert differences(engines) == []
    after = rows_of(engines.operator, "read_model")
    before.pop("account_revision")
    after.pop("account_revision")
    assert after == before


def test_positions_that_changed_places_are_mended(
    engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    conversation = conversation_of(scenario.people[0], scenario.people[1])
    for old, new in ((1, 100), (2, 1), (100, 2)):
        tamper(
            superuser,
            "UPDATE read_model.message SET position = :new"
            " WHERE conversation_id = :id AND position = :old",
            id=conversation,
            old=old,
            new=new,
        )
    mended(engines)
    assert differences(engines) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE read_model.account_revision SET revision = revision - 1",
        "DELETE FROM read_model.account_revision",
    ],
)
def test_a_revision_that_is_missing_or_low_is_found_and_raised_above_all_that_was_shown(
    harness: Harness, engines: Engines, superuser: Engine, scenario: Scenario, statement: str
) -> None:
    before = revisions(harness)
    tamper(superuser, statement)
    assert {found.table for found in differences(engines)} == {"account_revision"}
    mended(engines)
    assert differences(engines) == []
    after = revisions(harness)
    assert all(after[key] > before[key] for key in before)


def test_a_mended_conversation_gives_its_members_new_entity_tags(
    harness: Harness, engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    one, other, third = scenario.people
    conversation = conversation_of(one, other)
    partition = partition_of(conversation, SETTINGS.partitions)
    before = revisions(harness)
    tamper(
        superuser,
        "UPDATE read_model.message SET body = 'forged' WHERE conversation_id = :id",
        id=conversation,
    )
    mended(engines)
    raised = {key for key, revision in revisions(harness).items() if revision > before[key]}
    assert raised == {(one, partition), (other, partition)}
    assert third not in {account for account, _ in raised}


def test_a_filter_leaves_other_conversations_alone(
    engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    one, other, third = scenario.people
    tamper(superuser, "UPDATE read_model.conversation SET last_position = 77")
    chosen = Selection(conversations=(conversation_of(one, other),))
    assert len(differences(engines, chosen)) == 1
    assert mended(engines, chosen).rows == {"conversation": 1}
    left = {found.key["id"] for found in differences(engines)}
    assert left == {str(conversation_of(one, third)), str(conversation_of(other, third))}


def test_each_filter_chooses_the_conversations_that_have_such_an_event(
    harness: Harness, engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    one, other, third = scenario.people
    pairs = {
        name: conversation_of(*people)
        for name, people in {
            "one-other": (one, other),
            "one-third": (one, third),
            "other-third": (other, third),
        }.items()
    }
    tamper(superuser, "UPDATE read_model.conversation SET last_position = 77")
    [read] = query(harness, "SELECT * FROM event_log.event WHERE type = 'conversation.read.v1'")

    def chosen(selection: Selection) -> set[str]:
        found = {difference.key["id"] for difference in differences(engines, selection)}
        return {name for name, conversation in pairs.items() if str(conversation) in found}

    assert chosen(EVERYTHING) == set(pairs)
    assert chosen(Selection(types=("conversation.read.v1",))) == {"one-other"}
    assert chosen(Selection(types=("conversation.read",))) == {"one-other"}
    assert chosen(Selection(accounts=(one,))) == {"one-other", "one-third"}
    assert chosen(Selection(accounts=(AccountId(new_id()),))) == set()
    assert "one-other" in chosen(Selection(actors=(read.actor_id,), types=("conversation.read",)))
    assert chosen(Selection(actors=(AccountId(new_id()),))) == set()
    assert chosen(Selection(since=read.occurred_at, types=("message.sent.v1",))) == set()
    assert chosen(Selection(until=read.occurred_at, types=("message.sent.v1",))) == set(pairs)
    assert chosen(Selection(outcomes=("parked",))) == set()
    assert chosen(Selection(conversations=(ConversationId(new_id()),))) == set()
    for name, conversation in pairs.items():
        partition = partition_of(conversation, SETTINGS.partitions)
        assert name in chosen(Selection(partitions=(partition,)))
        elsewhere = Partition((partition + 1) % SETTINGS.partitions)
        assert name not in chosen(Selection(partitions=(elsewhere,)))


def test_a_conversation_that_the_log_does_not_know_is_removed_from_its_partition(
    engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    unknown = UUID(int=0)
    tamper(superuser, "INSERT INTO read_model.conversation VALUES (:id, 1)", id=unknown)
    partition = partition_of(ConversationId(unknown), SETTINGS.partitions)
    [found] = differences(engines, Selection(partitions=(partition,)))
    assert (found.table, found.column, found.expected) == ("conversation", "(row)", None)
    mended(engines)
    assert differences(engines) == []


def test_verifying_needs_no_right_to_write(engines: Engines, scenario: Scenario) -> None:
    with engines.operator.connect() as connection:
        privileges = connection.execute(
            text(
                "SELECT bool_or(has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))"
                " FROM pg_class AS c WHERE c.relnamespace IN"
                " (to_regnamespace('read_model'), to_regnamespace('event_log'))"
                " AND c.relkind = 'r'"
            )
        ).scalar_one()
    assert not privileges
    assert differences(engines) == []


def test_verifying_waits_for_no_projector_and_none_waits_for_it(
    harness: Harness, engines: Engines, scenario: Scenario
) -> None:
    verification = Verification(engines.operator, EVERYTHING)
    with harness.engine.begin() as transaction:
        # As a projector in the middle of a batch.
        transaction.execute(text("SELECT FROM event_log.checkpoint FOR UPDATE"))
        transaction.execute(text("UPDATE read_model.message SET body = 'not committed'"))
        assert list(verification.run(Pace())) == []
        transaction.rollback()


def test_a_deleted_account_is_verified_and_replayed_as_tombstones(
    harness: Harness, engines: Engines, superuser: Engine, scenario: Scenario
) -> None:
    perform(harness, scenario, [("leave", 0, p) for p in range(SETTINGS.partitions)])
    perform(harness, scenario, HISTORY)
    assert differences(engines) == []
    tamper(
        superuser,
        "UPDATE read_model.message SET body = 'back', deleted_at = NULL"
        " WHERE deleted_at IS NOT NULL",
    )
    assert {found.column for found in differences(engines)} >= {"body", "deleted_at"}
    mended(engines)
    assert differences(engines) == []
    assert query(harness, "SELECT FROM read_model.message WHERE body = 'back'") == []


def revisions(harness: Harness) -> dict[tuple[AccountId, int], int]:
    rows = query(harness, "SELECT * FROM read_model.account_revision")
    return {(row.account_id, row.partition): row.revision for row in rows}
