"""What is parked holds its conversation and its messages, at a cost that goes by the batch."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, text

from events.dead_letters import parked_among
from runtime.ids import Partition

PARTITION = Partition(1)
MANY = 5_000
# As conversations of years would have them: the last ones discarded, all others parked.
PARKED = """
WITH logged AS (
    INSERT INTO event_log.event (partition, "offset", id, type, conversation_id, actor_id,
        message_id, outcome, data, occurred_at, recorded_at)
    SELECT :partition, :prefix || lpad(CAST(i AS text), 9, '0'), gen_random_uuid(),
        'message.sent.v1', :conversation, :conversation, gen_random_uuid(), 'parked', '{}',
        now(), now()
    FROM generate_series(1, :many) AS i
    RETURNING partition, "offset", id
)
INSERT INTO event_log.dead_letter (partition, "offset", event_id, conversation_id, entry, state,
    reason, attempts, parked_at, updated_at)
SELECT partition, "offset", id, :conversation, '', :state, 'it waits', 0, now(), now()
FROM logged
"""
MESSAGES = "SELECT message_id FROM event_log.event WHERE conversation_id = :id LIMIT 10"
READ = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))
FROM pg_stat_xact_user_tables WHERE relname IN ('dead_letter', 'event')
"""


def park(transaction: Connection, many: int, *, state: str = "parked") -> UUID:
    conversation = uuid4()
    values: dict[str, object] = {"partition": PARTITION, "conversation": conversation}
    values |= {"prefix": str(conversation), "many": many, "state": state}
    transaction.execute(text(PARKED), values)
    return conversation


def messages_of(transaction: Connection, conversation: UUID) -> set[UUID]:
    return set(transaction.execute(text(MESSAGES), {"id": conversation}).scalars())


@pytest.fixture
def transaction(superuser: Engine) -> Iterator[Connection]:
    """Give a transaction that leaves nothing behind."""
    with superuser.connect() as connection, connection.begin() as begun:
        yield connection
        begun.rollback()


def test_what_is_parked_is_known_by_conversation_and_message(transaction: Connection) -> None:
    held, given_up = park(transaction, 3), park(transaction, 3, state="discarded")
    messages = messages_of(transaction, held)
    asked = {held, given_up, uuid4(), *messages, *messages_of(transaction, given_up)}
    assert parked_among(transaction, PARTITION, asked) == {held, *messages}
    assert parked_among(transaction, Partition(2), {held, *messages}) == set()
    assert parked_among(transaction, PARTITION, set()) == set()


def test_a_message_is_held_by_what_is_parked_among_what_was_discarded(
    transaction: Connection,
) -> None:
    conversation = park(transaction, 3, state="discarded")
    one = messages_of(transaction, conversation).pop()
    transaction.execute(
        text("UPDATE event_log.event SET message_id = :one WHERE conversation_id = :id"),
        {"one": one, "id": conversation},
    )
    assert parked_among(transaction, PARTITION, {one}) == set()
    transaction.execute(
        text(
            "UPDATE event_log.dead_letter SET state = 'parked', conversation_id = NULL"
            " WHERE conversation_id = :id AND \"offset\" LIKE '%3'"
        ),
        {"id": conversation},
    )
    assert parked_among(transaction, PARTITION, {one}) == {one}


@pytest.mark.parametrize("analyzed", [False, True])
def test_a_look_reads_a_few_rows_for_each_key_however_much_is_parked(
    transaction: Connection, analyzed: bool
) -> None:
    held = park(transaction, MANY)
    park(transaction, MANY, state="discarded")
    if analyzed:
        transaction.execute(text("ANALYZE event_log.dead_letter, event_log.event"))
    asked = {held, *(uuid4() for _ in range(200)), *messages_of(transaction, held)}
    before = transaction.execute(text(READ)).scalar_one()
    found = parked_among(transaction, PARTITION, asked)
    read = transaction.execute(text(READ)).scalar_one() - before
    assert len(found) == 11
    assert read < 10 * len(asked)
