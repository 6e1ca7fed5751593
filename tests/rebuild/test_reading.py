"""The log is read back as it was written, in order, in portions of a bounded size."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from events import replay
from events.contracts.base import PoisonEventError
from events.contracts.envelope import Envelope
from events.contracts.offsets import START
from events.log import Recorded
from runtime.ids import Partition
from tests.projector.conftest import Harness
from tests.projector.test_model import Scenario, query
from tests.rebuild.histories import HISTORY, forget_all
from tests.servers import Servers
from workers.alone import Engines

APPLIED = "SELECT id FROM event_log.event WHERE outcome = 'applied'"


@pytest.fixture
def sent(servers: Servers, harness: Harness) -> list[Envelope]:
    forget_all(servers)
    scenario = Scenario()
    made = [harness.envelope(*event) for event in map(scenario.event, HISTORY) if event]
    for envelope in made:
        harness.append(envelope)
    harness.drain_all()
    return made


def everything(harness: Harness, engines: Engines, *, limit: int = 1_000) -> list[Recorded]:
    found: list[Recorded] = []
    with engines.operator.connect() as connection:
        for number in harness.queue.partitions:
            after = START
            while portion := replay.read_applied(
                connection, Partition(number), after=after, limit=limit
            ):
                assert len(portion) <= limit
                found += portion
                after = portion[-1].offset
    return found


@pytest.mark.parametrize("limit", [1, 3, 1_000])
def test_what_took_effect_is_read_back_whole(
    harness: Harness, engines: Engines, sent: list[Envelope], limit: int
) -> None:
    found = everything(harness, engines, limit=limit)
    applied = {row.id for row in query(harness, APPLIED)}
    assert {recorded.envelope.id for recorded in found} == applied
    assert 0 < len(found) == len(applied) < len(sent)
    expected = {envelope.id: envelope for envelope in sent}
    deleted = {e.event.message for e in sent if e.event.TYPE == "message.deleted"}
    for recorded in found:
        written = expected[recorded.envelope.id]
        if recorded.redacted:
            assert written.event.message in deleted
        else:
            assert recorded.envelope == written


def test_portions_of_long_messages_are_short(
    servers: Servers, harness: Harness, engines: Engines
) -> None:
    forget_all(servers)
    scenario = Scenario()
    for _ in range(30):
        made = scenario.event(("send", 0, 1, "long " * 40_000, None))
        assert made is not None
        harness.append(harness.envelope(*made))
    harness.drain_all()
    with engines.operator.connect() as connection:
        portions = [
            replay.read_applied(connection, Partition(number))
            for number in harness.queue.partitions
        ]
    assert sorted(map(len, portions)) == [0, 0, 0, 10]


def test_an_event_that_cannot_be_read_is_named(
    harness: Harness, engines: Engines, sent: list[Envelope], superuser: Engine
) -> None:
    with superuser.begin() as transaction:
        transaction.execute(
            text("UPDATE event_log.event SET data = '{}' WHERE id = :id"), {"id": sent[0].id}
        )
    with pytest.raises(PoisonEventError, match=str(sent[0].id)):
        everything(harness, engines)
