"""The append function's terms: what goes into it, what comes out, and its errors.

The function itself is append.lua; `EventQueue.append` calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.contracts.offsets import Offset
from runtime.errors import MessagingError, UnavailableError
from runtime.ids import AccountId, Epoch, Partition
from runtime.settings import QueueSettings

# A hash: the epoch, the number of partitions, and `short_of_memory` while that is so.
STATE_KEY = "queue:state"
# Hashes by partition: the number of its newest entry, and of the last that is known as applied.
NUMBERS_KEY = "queue:numbers"
APPLIED_KEY = "queue:applied"
# What a client may still retry with the same key: 24 h.
IDEMPOTENCY_TTL_MS = 86_400_000


class QueueUnavailableError(UnavailableError):
    """The event queue cannot take events just now: repeat the command a little later."""


class QueueFullError(QueueUnavailableError):
    """The event queue is full; nothing was accepted. Try again once the workers have caught up."""


class IdempotencyKeyReusedError(MessagingError):
    """This idempotency key was used for another command: give this command a key of its own."""


class CommandRateError(MessagingError):
    """Too many commands from this account."""

    def __init__(self, wait_ms: int) -> None:
        """Name the time to wait, in milliseconds."""
        super().__init__(f"Too many commands from this account: wait {wait_ms} ms.")
        self.wait_ms = wait_ms

    @property
    def retry_after(self) -> int:
        """The time to wait in seconds, rounded up."""
        return -(-self.wait_ms // 1000)


@dataclass(frozen=True, kw_only=True)
class Idempotency:
    """A client's key for a command, and the fingerprint by which a repetition is recognised."""

    key: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """How many commands a second an account may send, and how many at once."""

    per_second: int
    burst: int


@dataclass(frozen=True, kw_only=True)
class Appended:
    """What became of an append.

    Attributes:
        epoch: The life of the queue in which the offsets are valid.
        receipt: The caller's receipt; of a repeated command that of the first.
        offsets: One for each event, in the order given; of a repeated command the first's.
        rung: Partitions whose bell this append rang: the caller wakes their projectors.
        replayed: Whether the command had been accepted before.
    """

    epoch: Epoch
    receipt: bytes
    offsets: tuple[Offset, ...]
    rung: tuple[Partition, ...]
    replayed: bool


@dataclass(frozen=True, kw_only=True)
class Intake:
    """On which terms a command's events are taken.

    Attributes:
        account: Whose command it is: owner of the idempotency key and of the rate limit.
        rate: How many commands the account may give; None: not limited.
        receipt: What to answer when the command is repeated.
        idempotency: The client's key, where it gave one.
        commands: How many commands were given, those refused included; where it is less than
            the events, these count.
    """

    account: AccountId
    rate: RateLimit | None
    receipt: bytes
    idempotency: Idempotency | None = None
    commands: int = 0


def queue_key(partition: int) -> str:
    """Return the stream's key."""
    return f"queue:{partition}"


def bell_key(partition: int) -> str:
    """Return the bell's key."""
    return f"bell:{partition}"


def idempotency_key(account: AccountId, idempotency: Idempotency) -> str:
    """Return the key under which a command's receipt is remembered."""
    return f"idempotency:{account}:{idempotency.key}"


def append_arguments(
    placed: Sequence[tuple[Partition, bytes]], intake: Intake, settings: QueueSettings
) -> list[Any]:
    """Return the number of keys, the keys and the arguments of append.lua.

    Args:
        placed: Of each event its partition and its encoded envelope, in order.
        intake: On which terms they are taken.
        settings: The queue's limits.
    """
    idempotency = intake.idempotency
    rate = intake.rate
    # The function leaves the fourth key alone where the cost is 0: name one that anybody who
    # appends may name.
    rate_key = f"rate:{intake.account}" if rate else NUMBERS_KEY
    keys: list[Any] = [STATE_KEY, NUMBERS_KEY, APPLIED_KEY, rate_key]
    if idempotency:
        keys.append(idempotency_key(intake.account, idempotency))
    places: dict[int, int] = {}
    events: list[Any] = []
    for partition, entry in placed:
        if partition not in places:
            places[partition] = len(places) + 1
            keys += (queue_key(partition), bell_key(partition))
        events += (places[partition], partition, entry)
    return [
        len(keys),
        *keys,
        settings.limit,
        settings.bell_ttl_seconds * 1000,
        idempotency.fingerprint if idempotency else "",
        IDEMPOTENCY_TTL_MS,
        intake.receipt,
        rate.per_second if rate else 1,
        rate.burst if rate else 1,
        max(len(placed), intake.commands) if rate else 0,
        settings.partitions,
        *events,
    ]


def read_answer(answer: list[Any], receipt: bytes) -> Appended:
    """Read what the append function answered to the command with `receipt`.

    Raises:
        IdempotencyKeyReusedError: The key belongs to another command.
        CommandRateError: The account must wait.
        QueueFullError: A queue is at its limit.
        QueueUnavailableError: The streams have not been opened.
    """
    match answer:
        case [b"closed"]:
            raise QueueUnavailableError
        case [b"mismatch"]:
            raise IdempotencyKeyReusedError
        case [b"full"]:
            raise QueueFullError
        case [b"limited", wait_ms]:
            raise CommandRateError(int(wait_ms))
        case [kind, epoch, told, offsets, *rung]:
            return Appended(
                epoch=Epoch(int(epoch)),
                receipt=told,
                offsets=tuple(Offset.parse(offset.decode()) for offset in offsets),
                rung=tuple(Partition(int(p)) for p in rung[0]) if rung else (),
                # A broken connection makes the client send again: then our own receipt comes
                # back, which no other command can have.
                replayed=kind == b"replayed" and told != receipt,
            )
    raise QueueUnavailableError(f"the append function answered {answer!r}")
