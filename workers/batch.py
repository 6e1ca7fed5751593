"""Applies a batch of entries within a transaction that holds the partition's checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from events import dead_letters, erasures, log
from events.canaries import note_applied
from events.contracts.accounts import AccountDeleted
from events.contracts.base import PoisonEventError
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageDeleted, MessageEdited
from events.dead_letters import DeadLetter
from events.entries import Entry
from events.log import Recorded
from runtime.ids import Partition
from workers import canaries, parking, spares
from workers import facts as known_facts
from workers.faults import first_line
from workers.parking import Poison
from workers.projections import read_model
from workers.rules.decisions import ACCOUNT_DELETED, decide
from workers.rules.facts import Facts

# An erasure is one transaction however much the account wrote: cut off by the role's limit, it
# would be tried again for ever, and its partition would stand still.
_BE_PATIENT = text("SET LOCAL statement_timeout = '15min'")


@dataclass(kw_only=True)
class Counts:
    """How many events a drain applied, rejected and parked."""

    applied: int = 0
    rejected: int = 0
    parked: int = 0

    def add(self, other: Counts) -> None:
        """Add `other`'s."""
        self.applied += other.applied
        self.rejected += other.rejected
        self.parked += other.parked


@dataclass(kw_only=True)
class Outcome:
    """What a batch came to: rows of the log, letters parked."""

    recorded: list[Recorded] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        """How many events had which outcome."""
        outcomes = [recorded.outcome for recorded in self.recorded]
        return Counts(
            applied=outcomes.count("applied"),
            rejected=outcomes.count("rejected"),
            parked=len(self.letters),
        )

    @property
    def traces(self) -> list[tuple[str, str | None, str]]:
        """Of each event that could be read its id, the id of its request, and its outcome."""
        return [
            (str(row.envelope.id), row.envelope.request_id, row.outcome) for row in self.recorded
        ]

    @property
    def poisoned(self) -> list[DeadLetter]:
        """The letters that were tried and failed; the others wait behind one."""
        return [letter for letter in self.letters if letter.attempts]


def apply_batch(
    transaction: Connection,
    partition: Partition,
    entries: Sequence[Entry],
    *,
    now: datetime,
    poison: Poison | None = None,
) -> Outcome:
    """Decide, log and project `entries`; the caller moves the checkpoint and commits.

    Args:
        transaction: Holds the lock on the partition's checkpoint.
        partition: The partition.
        entries: Entries behind the checkpoint, in order.
        now: What the log shall say of when they were applied.
        poison: Why the one entry given could not be applied: it is parked instead.

    Raises:
        sqlalchemy.exc.DBAPIError: The database refuses a row, or is away.
    """
    decoded, canary = canaries.set_apart([(entry, _decode(entry)) for entry in entries])
    envelopes = [envelope for _, envelope in decoded if isinstance(envelope, Envelope)]
    facts = known_facts.load(
        transaction, partition, envelopes, authors=parking.authors_of_unreadable(decoded)
    )
    outcome = Outcome()
    for entry, envelope in decoded:
        if isinstance(envelope, PoisonEventError):
            _park_unreadable(entry, envelope, facts, outcome)
        elif envelope.id in facts.known:
            continue  # Appended twice by a client whose connection broke: no second effect.
        elif poison is not None:
            _park_poison(entry, envelope, poison, facts, outcome)
        else:
            decide_entry(entry, envelope, facts, outcome)
    log.record(transaction, partition, outcome.recorded, now=now)
    dead_letters.park(transaction, partition, outcome.letters, now=now)
    project(transaction, partition, outcome.recorded, now=now)
    # A canary that cannot be noted is passed over: its age tells.
    if canary is not None and poison is None:
        note_applied(transaction, partition, canary, now=now)
    return outcome


def _decode(entry: Entry) -> Envelope | PoisonEventError:
    try:
        return Envelope.decode(entry.envelope)
    except PoisonEventError as error:
        return error


def decide_entry(entry: Entry, envelope: Envelope, facts: Facts, outcome: Outcome) -> None:
    """Decide one event; add to `outcome` its row of the log, and its letter where it must wait.

    Raises:
        PoisonEventError: A rule calls the event impossible.
    """
    event = envelope.event
    facts.known.add(envelope.id)
    decision = decide(envelope, facts)
    outcome.recorded.append(
        Recorded(
            offset=entry.offset,
            envelope=envelope,
            conversation_id=decision.conversation_id,
            outcome=decision.outcome,
            position=decision.position,
            reason=decision.reason,
            # The text of an edit that took no effect is nobody's message: no later deletion
            # would take it out of the log.
            redacted=decision.reason == ACCOUNT_DELETED
            or (decision.outcome != "applied" and isinstance(event, MessageEdited)),
        )
    )
    if decision.outcome == "parked":
        outcome.letters.append(
            DeadLetter(
                offset=entry.offset,
                entry=entry.envelope,
                event_id=envelope.id,
                conversation_id=decision.conversation_id or event.message,
                reason=decision.reason or "",
            )
        )


def _park_unreadable(entry: Entry, error: PoisonEventError, facts: Facts, outcome: Outcome) -> None:
    letter = parking.unreadable(entry, error, facts.deleted)
    outcome.letters.append(letter)
    if letter.conversation_id is not None:
        facts.parked.add(letter.conversation_id)


def _park_poison(
    entry: Entry, envelope: Envelope, poison: Poison, facts: Facts, outcome: Outcome
) -> None:
    event = envelope.event
    target = facts.messages.get(event.message) if event.message else None
    conversation = target.conversation_id if target else event.conversation
    outcome.letters.append(
        parking.poisoned(entry, envelope, poison, conversation or event.message, facts.deleted)
    )
    outcome.recorded.append(
        Recorded(
            offset=entry.offset,
            envelope=envelope,
            conversation_id=conversation,
            outcome="parked",
            reason=first_line(poison.error),
            # The database may have refused the payload itself: the dead letter keeps it.
            keeps_payload=False,
        )
    )


def project(
    transaction: Connection, partition: Partition, recorded: Sequence[Recorded], *, now: datetime
) -> None:
    """Fold what was just logged into the read model, and take out of the log what it erases."""
    applied = [event for event in recorded if event.outcome == "applied"]
    _erase(transaction, partition, applied, now)
    if applied:
        read_model.apply(transaction, partition, applied)
    deleted = _deleted_for_everyone(applied)
    log.redact(transaction, deleted)
    spares.redact(transaction, deleted)


def _erase(
    transaction: Connection, partition: Partition, applied: Sequence[Recorded], now: datetime
) -> None:
    """Take the text of accounts that are deleted out of the log, this batch's included."""
    events = (recorded.envelope.event for recorded in applied)
    deletions = [event for event in events if isinstance(event, AccountDeleted)]
    if not deletions:
        return
    transaction.execute(_BE_PATIENT)
    accounts = [event.account_id for event in deletions]
    erasures.mark_deleted(transaction, partition, accounts, now=now)
    for account in accounts:
        log.redact_actor(transaction, partition, account)
        dead_letters.redact_actor(transaction, partition, account, now=now)
    spares.redact_actors(transaction, deletions)


def _deleted_for_everyone(applied: Sequence[Recorded]) -> list[UUID]:
    events = (recorded.envelope.event for recorded in applied)
    return [
        event.message_id
        for event in events
        if isinstance(event, MessageDeleted) and event.audience == "everyone"
    ]
