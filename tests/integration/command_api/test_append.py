"""The append function against a real Valkey."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from redis import Redis

from events.append import (
    CommandRateError,
    Idempotency,
    IdempotencyKeyReusedError,
    Intake,
    QueueFullError,
    QueueUnavailableError,
    RateLimit,
)
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageDeleted
from events.contracts.offsets import START
from events.queue import EventQueue
from runtime.clock import utc_now
from runtime.ids import AccountId, Epoch, EventId, MessageId, Partition, new_id
from runtime.redis_client import connect
from runtime.settings import RedisSettings, Secret
from tests.command_harness import GENEROUS, NOWHERE
from tests.integration.command_api.conftest import QUEUE

ACCOUNT = AccountId(new_id())


def in_partition(partition: int) -> Envelope:
    message = MessageId(type(new_id())(int=new_id().int & ~0xFFFF | partition))
    return Envelope(
        id=EventId(new_id()),
        event=MessageDeleted(message_id=message, audience="me"),
        actor_id=ACCOUNT,
        occurred_at=utc_now(),
    )


def terms(receipt: bytes = b"receipt", key: str | None = None, fingerprint: str = "f") -> Intake:
    idempotency = Idempotency(key=key, fingerprint=fingerprint) if key else None
    return Intake(account=ACCOUNT, rate=GENEROUS, receipt=receipt, idempotency=idempotency)


def entries(queue: EventQueue) -> list[bytes]:
    return [
        entry.envelope
        for partition in queue.partitions
        for entry in queue.read(Partition(partition), after=START, limit=1_000)
    ]


def test_what_was_appended_is_read_back_at_the_offset_that_was_told(queue: EventQueue) -> None:
    envelope = in_partition(2)
    appended = queue.append([envelope], terms())
    (entry,) = queue.read(Partition(2), after=START, limit=10)
    assert (entry.offset, entry.envelope) == (appended.offsets[0], envelope.encode())
    assert (appended.epoch, appended.receipt, appended.replayed) == (1, b"receipt", False)


def test_offsets_grow_within_a_partition_and_numbers_have_no_gaps(queue: EventQueue) -> None:
    appended = queue.append([in_partition(1) for _ in range(50)], terms())
    read = queue.read(Partition(1), after=START, limit=100)
    assert [entry.offset for entry in read] == list(appended.offsets) == sorted(appended.offsets)
    assert [entry.number for entry in read] == list(range(1, 51))


def test_the_bell_of_each_partition_rings_once_until_it_is_cleared(queue: EventQueue) -> None:
    mixed = [in_partition(p) for p in (0, 3, 0, 3)]
    assert sorted(queue.append(mixed, terms()).rung) == [0, 3]
    assert queue.append(mixed, terms()).rung == ()
    queue.clear_bell(Partition(3))
    assert queue.append(mixed, terms()).rung == (3,)


def test_a_bell_that_nobody_heard_rings_again_after_its_time(
    queue: EventQueue, redis: Redis
) -> None:
    queue.append([in_partition(0)], terms())
    assert 0 < redis.pttl("bell:0") <= QUEUE.bell_ttl_seconds * 1_000


def test_a_repeated_command_gets_the_first_receipt_and_adds_nothing(queue: EventQueue) -> None:
    first = queue.append([in_partition(0)], terms(b"first", key="k"))
    again = queue.append([in_partition(0)], terms(b"second", key="k"))
    assert (again.receipt, again.offsets) == (b"first", first.offsets)
    assert (first.replayed, again.replayed) == (False, True)
    assert len(entries(queue)) == 1


def test_a_reused_key_with_another_command_is_refused(queue: EventQueue) -> None:
    queue.append([in_partition(0)], terms(key="k", fingerprint="one"))
    with pytest.raises(IdempotencyKeyReusedError):
        queue.append([in_partition(0)], terms(key="k", fingerprint="other"))
    with pytest.raises(IdempotencyKeyReusedError):
        queue.recall(ACCOUNT, Idempotency(key="k", fingerprint="other"))
    assert len(entries(queue)) == 1


def test_fifty_at_once_with_one_key_make_one_event(queue: EventQueue) -> None:
    def append(number: int) -> bytes:
        return queue.append([in_partition(number % 4)], terms(b"%d" % number, key="k")).receipt

    with ThreadPoolExecutor(16) as pool:
        receipts = set(pool.map(append, range(50)))
    assert len(receipts) == 1
    assert len(entries(queue)) == 1


def test_keys_belong_to_an_account(queue: EventQueue) -> None:
    queue.append([in_partition(0)], terms(key="k"))
    other = replace(terms(b"other", key="k"), account=AccountId(new_id()))
    assert not queue.append([in_partition(0)], other).replayed


def test_a_key_is_kept_for_a_day(queue: EventQueue, redis: Redis) -> None:
    queue.append([in_partition(0)], terms(key="k"))
    assert 86_390 < redis.ttl(f"idempotency:{ACCOUNT}:k") <= 86_400


def test_a_key_can_be_looked_up_without_being_taken(queue: EventQueue) -> None:
    idempotency = Idempotency(key="k", fingerprint="f")
    assert queue.recall(ACCOUNT, idempotency) is None
    appended = queue.append([in_partition(0)], terms(b"first", key="k"))
    recalled = queue.recall(ACCOUNT, idempotency)
    assert recalled == replace(appended, rung=(), replayed=True)


def test_a_key_can_cover_a_batch_of_which_nothing_was_accepted(queue: EventQueue) -> None:
    assert queue.append([], terms(b"first", key="k")).offsets == ()
    assert queue.append([], terms(b"second", key="k")).receipt == b"first"


def test_a_full_queue_refuses_all_events_of_a_command_and_leaves_the_key_free(
    redis: Redis, queue: EventQueue
) -> None:
    small = EventQueue(redis, replace(QUEUE, limit=2))
    small.append([in_partition(0), in_partition(0)], terms())
    before = entries(small)
    with pytest.raises(QueueFullError):
        small.append([in_partition(1), in_partition(0)], terms(key="k"))
    assert entries(small) == before
    assert small.recall(ACCOUNT, Idempotency(key="k", fingerprint="f")) is None
    small.append([in_partition(1)], terms(key="k"))


def test_a_repeated_command_is_answered_though_the_queue_is_full(
    redis: Redis, queue: EventQueue
) -> None:
    small = EventQueue(redis, replace(QUEUE, limit=1))
    small.append([in_partition(0)], terms(key="k"))
    assert small.append([in_partition(0)], terms(b"second", key="k")).replayed


def test_the_burst_may_be_used_at_once_then_the_account_has_to_wait(queue: EventQueue) -> None:
    intake = replace(terms(), rate=RateLimit(per_second=2, burst=5))
    for _ in range(5):
        queue.append([in_partition(0)], intake)
    with pytest.raises(CommandRateError) as refused:
        queue.append([in_partition(0)], intake)
    assert 0 < refused.value.wait_ms <= 500
    assert refused.value.retry_after == 1
    other = replace(intake, account=AccountId(new_id()))
    queue.append([in_partition(0)], other)
    assert len(entries(queue)) == 6


def test_each_event_of_a_batch_counts_and_a_refused_batch_costs_nothing(queue: EventQueue) -> None:
    intake = replace(terms(), rate=RateLimit(per_second=1, burst=10))
    queue.append([in_partition(0)] * 6, intake)
    with pytest.raises(CommandRateError):
        queue.append([in_partition(0)] * 6, intake)
    queue.append([in_partition(0)] * 4, intake)
    assert len(entries(queue)) == 10


def test_a_repeated_command_is_answered_though_the_rate_is_used_up(queue: EventQueue) -> None:
    intake = replace(terms(key="k"), rate=RateLimit(per_second=1, burst=1))
    queue.append([in_partition(0)], intake)
    assert queue.append([in_partition(0)], replace(intake, receipt=b"second")).replayed


def test_nothing_is_taken_before_the_streams_are_opened(queue: EventQueue, redis: Redis) -> None:
    queue.close()
    with pytest.raises(QueueUnavailableError):
        queue.append([in_partition(0)], terms(key="k"))
    assert redis.keys("queue:[0-9]*") == redis.keys("idempotency:*") == []
    queue.open(Epoch(7))
    assert queue.append([in_partition(0)], terms(key="k")).epoch == 7


def test_a_receipt_keeps_the_epoch_in_which_it_was_given(queue: EventQueue) -> None:
    queue.append([in_partition(0)], terms(key="k"))
    queue.open(Epoch(2))
    assert queue.append([in_partition(0)], terms(b"second", key="k")).epoch == 1


def test_a_redis_without_memory_left_refuses_and_accepts_again_later(
    queue: EventQueue, redis: Redis
) -> None:
    redis.config_set("maxmemory", 1)
    with pytest.raises(QueueUnavailableError):
        queue.append([in_partition(0)], terms(key="k"))
    redis.config_set("maxmemory", 0)
    assert entries(queue) == []
    assert not queue.append([in_partition(0)], terms(key="k")).replayed


def test_a_redis_that_lost_the_function_refuses(queue: EventQueue, redis: Redis) -> None:
    redis.function_flush()
    with pytest.raises(QueueUnavailableError):
        queue.append([in_partition(0)], terms())


def test_a_redis_that_is_away_refuses() -> None:
    client = connect(RedisSettings(url=NOWHERE.redis_url(), password=Secret("-")))
    with pytest.raises(QueueUnavailableError):
        EventQueue(client, QUEUE).append([in_partition(0)], terms())
    client.close()


def test_a_clock_that_was_stepped_back_locks_nobody_out(queue: EventQueue, redis: Redis) -> None:
    queue.append([in_partition(0)], terms())
    seconds, microseconds = redis.time()
    # What the account's last command left when the clock was an hour ahead of now.
    redis.set(f"rate:{ACCOUNT}", (seconds + 3_600) * 1_000_000 + microseconds)
    queue.append([in_partition(0)], terms())
    assert len(entries(queue)) == 2


def test_a_batch_beyond_the_burst_is_not_taken_for_a_clock_stepped_back(queue: EventQueue) -> None:
    slow = replace(terms(), rate=RateLimit(per_second=1, burst=1))
    queue.append([in_partition(0) for _ in range(500)], slow)
    with pytest.raises(CommandRateError) as refused:
        queue.append([in_partition(0)], slow)
    assert refused.value.retry_after > 490
