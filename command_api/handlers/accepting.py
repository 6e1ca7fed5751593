"""The way from decided events to a 202: one append, a wake-up where the bell rang, the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from command_api.handlers.context import Context
from command_api.handlers.receipts import Noted, Receipt, Refused
from events.append import Appended, Intake
from events.contracts.base import Event
from events.contracts.envelope import Envelope
from events.contracts.offsets import Offset
from runtime.clock import rfc3339
from runtime.errors import MessagingError
from runtime.ids import Epoch, EventId, MessageId, Partition, new_id
from web.consistency import ConsistencyToken


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The promise that a command's event is on disk and will be dealt with."""

    event_id: EventId
    message_id: MessageId | None
    accepted_at: str
    consistency_token: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of the commands of a request.

    Attributes:
        results: Of each command, in order.
        tokens: The newest consistency token of each partition concerned.
        replayed: Whether this is the answer to an earlier request of the same key.
    """

    results: tuple[Accepted | Refused, ...]
    tokens: tuple[str, ...]
    replayed: bool


def accept(decide: Callable[[], Event], context: Context) -> Answer:
    """Append the event that `decide` makes.

    Raises:
        MessagingError: `decide` refused, or the queue did; nothing was accepted.
    """
    try:
        event = decide()
    except MessagingError:
        # A repeated command gets its first answer even if it would be refused by now, its
        # recipient having gone away.
        earlier = recall(context)
        if earlier is None:
            _count_refused(context)
            raise
        return earlier
    return append([event], context)


def append(decided: Sequence[Event | Refused], context: Context) -> Answer:
    """Append the events among what was decided on each command, all or none.

    Raises:
        MessagingError: The queue refused; nothing was accepted.
    """
    tools = context.tools
    now = tools.clock()
    envelopes = [_envelope(one, now, context) for one in decided if isinstance(one, Event)]
    receipt = Receipt(accepted_at=rfc3339(now), lines=_lines(decided, envelopes, context))
    appended = tools.queue.append(
        envelopes,
        Intake(
            account=context.actor,
            rate=tools.rate,
            receipt=receipt.encode() if context.idempotency else b"",
            idempotency=context.idempotency,
            commands=len(decided),
        ),
    )
    _wake(appended, receipt, context)
    if appended.replayed:
        receipt = Receipt.decode(appended.receipt)
    return _answer(receipt, appended, context)


def _envelope(event: Event, now: datetime, context: Context) -> Envelope:
    return Envelope(
        id=EventId(new_id()),
        event=event,
        actor_id=context.actor,
        occurred_at=now,
        request_id=context.request_id,
        traceparent=context.traceparent,
    )


def _lines(
    decided: Sequence[Event | Refused], envelopes: Sequence[Envelope], context: Context
) -> tuple[Noted | Refused, ...]:
    envelope = iter(envelopes)
    return tuple(
        one if isinstance(one, Refused) else _noted(next(envelope), context) for one in decided
    )


def _noted(envelope: Envelope, context: Context) -> Noted:
    return Noted(
        event_id=envelope.id,
        message_id=envelope.event.message,
        partition=context.tools.queue.partition_of(envelope),
    )


def _wake(appended: Appended, receipt: Receipt, context: Context) -> None:
    for partition in appended.rung:
        first = next(
            line.event_id
            for line in receipt.lines
            if isinstance(line, Noted) and line.partition == partition
        )
        context.tools.wake(partition, first)


def recall(context: Context) -> Answer | None:
    """Return the answer to an earlier request of the same key, None where the key is free.

    Raises:
        IdempotencyKeyReusedError: The key belongs to another command.
        QueueUnavailableError: The queue is away.
    """
    if context.idempotency is None:
        return None
    earlier = context.tools.queue.recall(context.actor, context.idempotency)
    if earlier is None:
        return None
    return _answer(Receipt.decode(earlier.receipt), earlier, context)


def _count_refused(context: Context) -> None:
    """Count a refused command: names must not be tried faster than messages are sent.

    Raises:
        CommandRateError: The account has given too many.
        QueueUnavailableError: Nobody counts just now.
    """
    terms = Intake(account=context.actor, rate=context.tools.rate, receipt=b"", commands=1)
    context.tools.queue.append([], terms)


def _answer(receipt: Receipt, appended: Appended, context: Context) -> Answer:
    offsets = iter(appended.offsets)
    newest: dict[Partition, str] = {}
    results: list[Accepted | Refused] = []
    for line in receipt.lines:
        if isinstance(line, Refused):
            results.append(line)
            continue
        token = _token(line, next(offsets), appended.epoch, context)
        newest[line.partition] = token
        results.append(
            Accepted(
                event_id=line.event_id,
                message_id=line.message_id,
                accepted_at=receipt.accepted_at,
                consistency_token=token,
            )
        )
    return Answer(results=tuple(results), tokens=tuple(newest.values()), replayed=appended.replayed)


def _token(line: Noted, offset: Offset, epoch: Epoch, context: Context) -> str:
    return context.tools.tokens.encode(
        ConsistencyToken(
            epoch=epoch,
            partition=line.partition,
            offset=offset,
            event_id=line.event_id,
            account_id=context.actor,
        )
    )
