"""The event queue: one Redis Stream for each partition, ordered, durable, replayable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from events.append import (
    APPLIED_KEY,
    NUMBERS_KEY,
    STATE_KEY,
    Appended,
    Idempotency,
    Intake,
    QueueUnavailableError,
    append_arguments,
    bell_key,
    idempotency_key,
    queue_key,
    read_answer,
)
from events.contracts.envelope import Envelope
from events.contracts.offsets import START, Offset
from events.entries import Entry
from events.measures import measured
from runtime.ids import AccountId, Epoch, Partition
from runtime.settings import QueueSettings

# The query API's readiness check looks for this key; it outlives a few missed sweeps.
HEARTBEAT_KEY = "heartbeat:workers"
HEARTBEAT_TTL_MS = 15_000
LIBRARY = (Path(__file__).parent / "append.lua").read_text(encoding="utf-8")


class EventQueue:
    """Appends to and reads from the event queues of one Redis."""

    def __init__(self, redis: Redis, settings: QueueSettings) -> None:
        """Use `redis`, whose ACL user says what of this may be done."""
        self._redis: Any = redis
        self._settings = settings

    @property
    def partitions(self) -> range:
        """All partitions."""
        return range(self._settings.partitions)

    def partition_of(self, envelope: Envelope) -> Partition:
        """Return the partition in which `envelope`'s conversation lives."""
        return envelope.event.partition(self._settings.partitions)

    def append(self, envelopes: Sequence[Envelope], intake: Intake) -> Appended:
        """Put `envelopes` on their queues, all or none; on disk once this returns.

        Args:
            envelopes: The events of one command or one batch, in order.
            intake: Whose they are, and on which terms they are taken.

        Raises:
            IdempotencyKeyReusedError: The key belongs to another command.
            CommandRateError: The account must wait.
            QueueFullError: A queue is at its limit.
            QueueUnavailableError: Redis is away, full, read-only or not opened yet.
        """
        placed = [(self.partition_of(e), e.encode()) for e in envelopes]
        arguments = append_arguments(placed, intake, self._settings)
        with measured([envelope.event.type_name() for envelope in envelopes]) as measures:
            with _unavailable_instead():
                answer = self._redis.fcall("append", *arguments)
            return measures.of(read_answer(answer, intake.receipt))

    def recall(self, account: AccountId, idempotency: Idempotency) -> Appended | None:
        """Return what the command of this key was answered; None where the key is free.

        Raises:
            IdempotencyKeyReusedError: The key belongs to another command.
            QueueUnavailableError: Redis is away.
        """
        key = idempotency_key(account, idempotency)
        with _unavailable_instead():
            answer = self._redis.fcall("recall", 1, key, idempotency.fingerprint)
        return None if answer == [b"unknown"] else read_answer(answer, b"")

    def read(self, partition: Partition, *, after: Offset, limit: int) -> list[Entry]:
        """Return up to `limit` entries behind `after`, oldest first.

        Raises:
            QueueUnavailableError: Redis is away.
        """
        with _unavailable_instead():
            found = self._redis.xrange(queue_key(partition), min=f"({after}", count=limit)
        return [Entry.read(offset, fields) for offset, fields in found]

    def wait(self, partition: Partition, *, after: Offset, milliseconds: int) -> list[Entry]:
        """Return the first entry behind `after`; wait for one for so long, then return none.

        Raises:
            QueueUnavailableError: Redis is away.
        """
        with _unavailable_instead():
            found = self._redis.xread(
                {queue_key(partition): str(after)}, count=1, block=milliseconds
            )
        return [Entry.read(*entry) for _, entries in found for entry in entries]

    def numbers(self) -> dict[int, int]:
        """Return of each partition the number of its newest entry; 0 where there was none."""
        with _unavailable_instead():
            found = self._redis.hgetall(NUMBERS_KEY)
        return {p: int(found.get(str(p).encode(), 0)) for p in self.partitions}

    def ring(self, partition: Partition) -> bool:
        """Set the bell; True where it was silent, so that the caller has to wake a projector."""
        lifetime_ms = self._settings.bell_ttl_seconds * 1000
        with _unavailable_instead():
            rung = bool(self._redis.set(bell_key(partition), "1", nx=True, px=lifetime_ms))
            if not rung:
                # Where Redis's clock was stepped back, it would ring that much longer.
                self._redis.pexpire(bell_key(partition), lifetime_ms, lt=True)
        return rung

    def keep_bell(self, partition: Partition) -> None:
        """Keep a bell that is set from running out while its partition is attended to."""
        with _unavailable_instead():
            self._redis.pexpire(bell_key(partition), self._settings.bell_ttl_seconds * 1000)

    def hold_bell(self, partition: Partition, *, milliseconds: int) -> None:
        """Set the bell for so long, so that nobody wakes a projector meanwhile."""
        with _unavailable_instead():
            self._redis.set(bell_key(partition), "1", px=milliseconds)

    def clear_bell(self, partition: Partition) -> None:
        """Silence the bell: whoever appends from now on rings again."""
        with _unavailable_instead():
            self._redis.delete(bell_key(partition))

    def trim(self, partition: Partition, *, before: Offset) -> int:
        """Drop the entries below `before`; return how many."""
        with _unavailable_instead():
            key = queue_key(partition)
            return int(self._redis.xtrim(key, minid=str(before), approximate=False))

    def epoch(self) -> Epoch | None:
        """Return the epoch that Redis knows; None while the streams are not opened."""
        with _unavailable_instead():
            found = self._redis.hget(STATE_KEY, "epoch")
        return None if found is None else Epoch(int(found))

    def close(self) -> None:
        """Refuse appends until `open`."""
        with _unavailable_instead():
            self._redis.delete(STATE_KEY)

    def open(self, epoch: Epoch) -> None:
        """Load the append function and accept appends, in `epoch`, for so many partitions."""
        state = {"epoch": int(epoch), "partitions": self._settings.partitions}
        with _unavailable_instead():
            self._redis.function_load(LIBRARY, replace=True)
            self._redis.hset(STATE_KEY, mapping=state)

    def tell_applied(self, numbers: Mapping[int, int]) -> None:
        """Let appends know how far each partition is applied."""
        with _unavailable_instead():
            self._redis.hset(APPLIED_KEY, mapping=dict(numbers))

    def memory_share(self) -> float:
        """Return the used share of the memory that Redis may use; 0.0 where it has no limit."""
        with _unavailable_instead():
            memory = self._redis.info("memory")
        most = int(memory["maxmemory"])
        return int(memory["used_memory"]) / most if most else 0.0

    def set_short_of_memory(self, *, short: bool) -> None:
        """Let appends be refused as full, or accepted again."""
        with _unavailable_instead():
            if short:
                self._redis.hset(STATE_KEY, "short_of_memory", 1)
            else:
                self._redis.hdel(STATE_KEY, "short_of_memory")

    def load_function(self) -> None:
        """Load this version's append function."""
        with _unavailable_instead():
            self._redis.function_load(LIBRARY, replace=True)

    def now_ms(self) -> int:
        """Return Redis's clock, by which offsets are made: milliseconds since 1970."""
        with _unavailable_instead():
            seconds, microseconds = self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def beat_heart(self) -> None:
        """Tell the readiness checks that workers consume."""
        with _unavailable_instead():
            self._redis.set(HEARTBEAT_KEY, self.now_ms(), px=HEARTBEAT_TTL_MS)

    def raise_to(self, partition: Partition, *, offset: Offset, number: int) -> None:
        """Let every later entry of `partition` lie behind `offset` and `number`.

        Only while closed: an append in between would be lost from sight.
        """
        with _unavailable_instead():
            key = queue_key(partition)
            last = self._last_offset(key)
            if last is None and offset > START:
                # Adding and trimming at once leaves an empty stream that remembers the id.
                self._redis.xadd(key, {"n": number}, id=str(offset), maxlen=0, approximate=False)
            elif last is not None and offset > last:
                self._redis.execute_command("XSETID", key, str(offset))
            if number > int(self._redis.hget(NUMBERS_KEY, partition) or 0):
                self._redis.hset(NUMBERS_KEY, partition, number)

    def head(self, partition: Partition) -> Offset | None:
        """Return the offset of the newest entry there ever was; None where there was none."""
        with _unavailable_instead():
            return self._last_offset(queue_key(partition))

    def _last_offset(self, key: str) -> Offset | None:
        if not self._redis.exists(key):
            return None
        last = self._redis.xinfo_stream(key)["last-generated-id"]
        return Offset.parse(last.decode() if isinstance(last, bytes) else str(last))


@contextmanager
def _unavailable_instead() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise QueueUnavailableError from error
