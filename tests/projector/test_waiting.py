"""What a step of a retry looks at: the first of a group, and nothing for which it has no use."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from events import letters
from events.contracts.offsets import Offset
from events.letters import LetterSelection
from events.waiting import Waiting, first_of_group, groups, waiting
from runtime.ids import Partition

# Nobody else's: what other tests have parked stays out of sight.
PARTITION = Partition(900)
MANY = 2_000
IDS = [uuid4() for _ in range(6)]
PARK = text(
    """
    INSERT INTO event_log.dead_letter (partition, "offset", conversation_id, entry, state, reason,
        attempts, parked_at, updated_at)
    SELECT :partition, "offset", conversation_id, '', state, 'it waits', 0, now(), now()
    FROM unnest(CAST(:offsets AS text[]), CAST(:conversations AS uuid[]), CAST(:states AS text[]))
        AS l("offset", conversation_id, state)
    """
)
LOG = text(
    """
    INSERT INTO event_log.event (partition, "offset", id, type, conversation_id, actor_id,
        message_id, outcome, data, occurred_at, recorded_at)
    SELECT :partition, "offset", gen_random_uuid(), 'message.edited.v1', NULL, gen_random_uuid(),
        message_id, 'parked', '{}', now(), now()
    FROM unnest(CAST(:offsets AS text[]), CAST(:messages AS uuid[])) AS l("offset", message_id)
    """
)
ANALYZE = text("ANALYZE event_log.dead_letter, event_log.event")
READ = text(
    """
    SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))
    FROM pg_stat_xact_user_tables WHERE relname IN ('dead_letter', 'event')
    """
)
# The conversation and the message that an event names, and whether it was given up.
Letter = tuple[UUID | None, UUID | None, bool]
names = st.none() | st.sampled_from(IDS)


@pytest.fixture
def transaction(superuser: Engine) -> Iterator[Connection]:
    """Give a transaction that leaves nothing behind."""
    with superuser.connect() as connection, connection.begin() as begun:
        yield connection
        begun.rollback()


def park(transaction: Connection, parked: list[Letter], partition: Partition = PARTITION) -> None:
    """Park these; one that names no message has no row in the log, as if it were unreadable."""
    offsets = [Offset(number + 1, 0).sortable() for number in range(len(parked))]
    states = ["discarded" if given_up else "parked" for _, _, given_up in parked]
    values = {"partition": partition, "offsets": offsets, "states": states}
    transaction.execute(PARK, {**values, "conversations": [letter[0] for letter in parked]})
    logged = [(at, letter[1]) for at, letter in zip(offsets, parked, strict=True) if letter[1]]
    if logged:
        values = {"partition": partition, "offsets": [at for at, _ in logged]}
        transaction.execute(LOG, {**values, "messages": [message for _, message in logged]})


def group_of(parked: list[Waiting], member: Offset) -> list[Offset]:
    return next(group for group in groups(parked) if member in group)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    parked=st.lists(st.tuples(names, names, st.booleans()), min_size=1, max_size=20),
    most=st.integers(1, 6),
)
def test_the_first_of_a_group_wait_for_nothing_else(
    superuser: Engine, parked: list[Letter], most: int
) -> None:
    with superuser.connect() as transaction, transaction.begin() as begun:
        park(transaction, parked)
        known = waiting(transaction, PARTITION)
        keys = {letter.offset: set(letter.keys) for letter in known}
        for member in keys:
            group = group_of(known, member)
            found = first_of_group(transaction, PARTITION, member, most=len(known) + 1)
            assert found == group
            first = first_of_group(transaction, PARTITION, member, most=most)
            assert first == sorted(set(first) & set(group))
            assert len(first) >= min(most, len(group))
            # Whatever one of them waits behind is one of them.
            for later in first:
                assert {o for o in group if o < later and keys[o] & keys[later]} <= set(first)
        gone = {Offset(n + 1, 0) for n in range(len(parked))} - keys.keys()
        for member in gone:
            assert first_of_group(transaction, PARTITION, member, most=most) == []
        begun.rollback()


@pytest.mark.parametrize("analyzed", ["never", "before", "after"])
def test_a_step_reads_a_few_rows_for_each_event_however_much_is_parked(
    transaction: Connection, analyzed: str
) -> None:
    conversation, others, edited = uuid4(), uuid4(), uuid4()
    held: list[Letter] = [(conversation, uuid4(), False) for _ in range(MANY)]
    # One message that was edited over and over, and an edit that names nothing but it.
    held += [(conversation, edited, False), (edited, edited, False)]
    held += [(conversation, edited, False) for _ in range(MANY)]
    if analyzed == "before":
        # Of this partition the statistics know nothing.
        park(transaction, [(uuid4(), uuid4(), True) for _ in range(MANY)], Partition(901))
        transaction.execute(ANALYZE)
    park(transaction, held + [(others, uuid4(), False) for _ in range(MANY)])
    if analyzed == "after":
        transaction.execute(ANALYZE)
    for start, most in ((1, 50), (MANY + 2, 50)):
        before = transaction.execute(READ).scalar_one()
        first = first_of_group(transaction, PARTITION, Offset(start, 0), most=most)
        read = transaction.execute(READ).scalar_one() - before
        assert len(first) >= most
        assert first[0] == Offset(1, 0)
        assert read < 20 * most


def test_what_is_selected_is_found_by_its_place_alone(transaction: Connection) -> None:
    one, other = uuid4(), uuid4()
    park(transaction, [(one, None, False), (other, None, False), (one, None, True)])
    chosen = LetterSelection(names=(one,))
    assert letters.places(transaction, chosen) == []
    found = letters.places(transaction, LetterSelection(state="parked"))
    assert [place.offset for place in found if place.partition == PARTITION] == [
        Offset(1, 0),
        Offset(2, 0),
    ]
