"""Retries what was parked: a conversation's events in order, through the same code as live ones.

The transaction holds the partition's checkpoint, so the projector can neither apply nor park
anything in between: what it parks before stands behind, what comes after the last one was retried
finds the conversation free.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from events import checkpoints, dead_letters, log, parked, waiting
from events.contracts.base import PoisonEventError
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageSent
from events.contracts.offsets import Offset
from events.entries import Entry
from runtime.clock import Clock
from runtime.ids import MessageId, Partition
from workers import facts as known_facts
from workers.batch import Counts, Outcome, decide_entry, project
from workers.faults import classify, first_line, traceback_of
from workers.rules.decisions import ACCOUNT_DELETED

# More than these of one conversation take several transactions: others in its partition wait
# meanwhile. What is left still holds the conversation, so that order is kept.
AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An event that failed again, and why."""

    offset: Offset
    error: Exception


@dataclass(frozen=True, kw_only=True)
class Retried:
    """What a retry of one conversation did.

    Attributes:
        applied: Events that took effect.
        rejected: Events that a rule refused.
        failed: The event that failed again, before which the retry stopped.
        left: The first event of the conversation that is still parked, if any is.
    """

    applied: int = 0
    rejected: int = 0
    failed: Offset | None = None
    left: Offset | None = None


def retry(
    engine: Engine, partition: Partition, member: Offset, *, clock: Clock, limit: int = AT_ONCE
) -> Retried:
    """Retry the parked events that `member` waits with, from the first, in one transaction.

    Args:
        engine: The primary, as the worker's role.
        partition: The partition.
        member: Any event of the conversation; nothing happens if it is parked no longer.
        clock: What log and dead letters shall say of when.
        limit: How many events at most; call again for what is left.

    Raises:
        sqlalchemy.exc.DBAPIError: The database is away or refuses; nothing is half done.
    """
    with engine.begin() as transaction:
        checkpoints.await_lock(transaction, partition)
        # One more than are retried tells whether any are left.
        group = waiting.first_of_group(transaction, partition, member, most=limit + 1)
        if not group:
            return Retried()
        now = clock()
        found = parked.entries(transaction, partition, group[:limit])
        counts, done, failure = _apply_first(transaction, partition, found, now)
        offsets = [entry.offset for entry in done]
        parked.name_conversations(transaction, partition, offsets, sent=_messages_sent(done))
        parked.mark_retried(transaction, partition, offsets, now=now)
        if failure is not None:
            parked.mark_failed(
                transaction,
                partition,
                failure.offset,
                reason=first_line(failure.error),
                traceback=traceback_of(failure.error),
                now=now,
            )
        left = group[len(done) :]
    return Retried(
        applied=counts.applied,
        rejected=counts.rejected,
        failed=failure.offset if failure else None,
        left=left[0] if left else None,
    )


def _messages_sent(entries: Iterable[Entry]) -> list[MessageId]:
    events = (Envelope.decode(entry.envelope).event for entry in entries)
    return [event.message_id for event in events if isinstance(event, MessageSent)]


def _apply_first(
    transaction: Connection, partition: Partition, entries: Sequence[Entry], now: datetime
) -> tuple[Counts, Sequence[Entry], Failure | None]:
    """Apply as many of the first entries as can be; one that cannot is found by halves."""
    try:
        with transaction.begin_nested():
            return _apply(transaction, partition, entries, now), entries, None
    except Exception as error:
        if classify(error) == "transient":
            raise
        if len(entries) == 1:
            return Counts(), [], Failure(offset=entries[0].offset, error=error)
    middle = len(entries) // 2
    counts, done, failure = _apply_first(transaction, partition, entries[:middle], now)
    if failure is None:
        more, behind, failure = _apply_first(transaction, partition, entries[middle:], now)
        counts.add(more)
        done = [*done, *behind]
    return counts, done, failure


def _apply(
    transaction: Connection, partition: Partition, entries: Sequence[Entry], now: datetime
) -> Counts:
    decoded = [(entry, Envelope.decode(entry.envelope)) for entry in entries]
    envelopes = [envelope for _, envelope in decoded]
    facts = known_facts.load(transaction, partition, envelopes)
    # These are all that hold the conversation, and the first of them: they wait for nothing.
    facts.parked = set()
    facts.known = log.known_elsewhere(
        transaction, partition, [e.id for e in envelopes], [entry.offset for entry in entries]
    )
    _check_order(transaction, partition, decoded)
    outcome = Outcome()
    for entry, envelope in decoded:
        if envelope.id not in facts.known:
            decide_entry(entry, envelope, facts, outcome)
    log.settle(transaction, partition, outcome.recorded, now=now)
    project(transaction, partition, outcome.recorded, now=now)
    _redact_deleted(transaction, partition, outcome, now)
    return outcome.counts


def _redact_deleted(
    transaction: Connection, partition: Partition, outcome: Outcome, now: datetime
) -> None:
    """Take out the text of accounts that were deleted, should a letter hold any again."""
    deleted = [row for row in outcome.recorded if row.reason == ACCOUNT_DELETED]
    for actor in {row.envelope.actor_id for row in deleted}:
        dead_letters.redact_actor(transaction, partition, actor, now=now)


def _check_order(
    transaction: Connection, partition: Partition, decoded: Sequence[tuple[Entry, Envelope]]
) -> None:
    """Refuse a message that others of its conversation have overtaken.

    That can only be one of which not even the conversation could be read. Applied now, it would
    stand in the log before those whose numbers it follows.
    """
    sent = [
        (entry.offset, envelope.event.conversation_id)
        for entry, envelope in decoded
        if isinstance(envelope.event, MessageSent)
    ]
    if not sent:
        return
    named = {conversation for _, conversation in sent}
    overtaken = log.last_sent(transaction, partition, named, after=sent[0][0])
    for offset, conversation in sent:
        if conversation in overtaken and overtaken[conversation] > offset:
            raise PoisonEventError(
                "later messages of its conversation are applied already: discard it"
            )
