"""Replays chosen conversations: finds by verifying what differs, and derives that anew.

What is as the log says is not written again; so replaying all of it costs live traffic little,
and doing it twice is harmless.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Engine

from runtime.ids import AccountId, ConversationId
from workers.mending import correct_revisions, mend
from workers.pace import Pace
from workers.scratch import REVISIONS
from workers.verify import Suspects, Verification


@dataclass(kw_only=True)
class Replayed:
    """What a replay changed.

    Attributes:
        conversations: In which conversations rows differed.
        rows: How many rows were changed, removed or added, by table.
    """

    conversations: set[ConversationId] = field(default_factory=set)
    rows: dict[str, int] = field(default_factory=dict)


def replay(
    engine: Engine,
    verification: Verification,
    pace: Pace,
) -> Replayed:
    """Mend what `verification` finds, each batch in a transaction of its own.

    Args:
        engine: The primary, as the worker's role.
        verification: Which conversations, of the live read model.
        pace: How fast.

    Raises:
        InterruptedWorkError: It was stopped; what was mended stays mended.
        PoisonEventError: The log holds an event that cannot be read.
    """
    replayed = Replayed()
    for suspects in verification.run(pace):
        _mend(engine, suspects, replayed)
    return replayed


def _mend(engine: Engine, suspects: Suspects, replayed: Replayed) -> None:
    # One by one: a conversation's projection waits for its own rows alone.
    for conversation in suspects.conversations:
        with engine.begin() as transaction:
            pairs = mend(transaction, suspects.partition, [conversation])
        for pair in pairs:
            replayed.rows[pair.table] = replayed.rows.get(pair.table, 0) + 1
            replayed.conversations.add(conversation)
    if suspects.accounts:
        with engine.begin() as transaction:
            accounts: list[AccountId] = list(suspects.accounts)
            correct_revisions(transaction, suspects.partition, accounts)
        replayed.rows[REVISIONS.name] = replayed.rows.get(REVISIONS.name, 0) + len(accounts)
