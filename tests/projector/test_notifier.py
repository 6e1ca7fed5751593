"""What the projector tells after a commit, and that nobody needs to hear it."""

from __future__ import annotations

import redis
from structlog.testing import capture_logs

from events.contracts.messages import MessageEdited
from events.contracts.notices import CHANNEL, Notice
from events.contracts.offsets import Offset
from events.opening import ensure_open
from runtime.clock import utc_now
from runtime.ids import Partition
from tests.projector.conftest import Harness
from tests.projector.test_projector import Pair
from tests.servers import Servers, free_port
from workers.notifier import Notifier
from workers.projector import Projector


def drain(harness: Harness, pair: Pair, notifier: Notifier) -> Partition:
    projector = Projector(
        harness.queue,
        harness.engine,
        batch_size=1_000,
        clock=utc_now,
        linger_ms=0,
        notify=notifier.applied,
    )
    partition = harness.queue.partition_of(pair.sent())
    projector.drain(partition)
    return partition


def test_one_notice_tells_of_a_whole_batch(harness: Harness, servers: Servers) -> None:
    pair = Pair(harness)
    ensure_open(harness.queue, harness.engine, clock=utc_now)
    harness.append(*(pair.sent(str(number)) for number in range(50)))
    with redis.Redis(port=servers.valkey_port) as client:
        subscription = client.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe(CHANNEL)
        subscription.get_message(timeout=5)
        partition = drain(harness, pair, Notifier(client))
        heard = []
        while message := subscription.get_message(timeout=0.2):
            heard.append(Notice.decode(message["data"].decode()))
        subscription.close()
    last = harness.queue.read(partition, after=Offset(0, 0), limit=100_000)[-1].offset
    assert heard == [Notice(partition=partition, offset=last)]


def test_a_batch_without_effect_is_not_told(harness: Harness) -> None:
    pair, told = Pair(harness), list[Partition]()
    edited = MessageEdited(message_id=pair.sent().event.message_id, changes={"body": "x"})  # type: ignore[attr-defined]  # it is a MessageSent
    harness.append(harness.envelope(edited, pair.one))

    class Listening(Notifier):
        def applied(self, partition: Partition, offset: Offset) -> None:
            told.append(partition)

    drain(harness, pair, Listening(redis.Redis(port=1)))
    assert told == []


def test_a_notice_that_cannot_be_sent_is_logged_and_costs_nothing_else(harness: Harness) -> None:
    pair = Pair(harness)
    harness.append(pair.sent("told to nobody"))
    with capture_logs() as logged:
        drain(harness, pair, Notifier(redis.Redis(port=free_port())))
    assert pair.bodies() == ["told to nobody"]
    assert [line["event"] for line in logged if line["log_level"] == "warning"] == ["notice.lost"]
