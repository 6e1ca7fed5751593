"""Which conversations a retry concerns: each that holds a dead letter selected, as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine

from events import waiting
from events.contracts.offsets import Offset
from events.letters import LetterSelection, places
from runtime.clock import Clock
from runtime.ids import Partition
from workers.pace import Pace
from workers.retries import AT_ONCE, Retried, retry


@dataclass(frozen=True, kw_only=True)
class Held:
    """A conversation that is held up: its partition, first parked event, and how many there are."""

    partition: Partition
    first: Offset
    events: int


def held(connection: Connection, selection: LetterSelection) -> list[Held]:
    """Return the conversations in which `selection` finds parked events.

    All their events are retried, from the first: the one that was selected may wait behind others.
    """
    chosen: defaultdict[Partition, set[Offset]] = defaultdict(set)
    for place in places(connection, replace(selection, state="parked")):
        chosen[place.partition].add(place.offset)
    return [
        Held(partition=partition, first=group[0], events=len(group))
        for partition, offsets in sorted(chosen.items())
        for group in waiting.groups(waiting.waiting(connection, partition))
        if not offsets.isdisjoint(group)
    ]


def retry_all(
    engine: Engine, conversations: list[Held], *, clock: Clock, pace: Pace, at_once: int = AT_ONCE
) -> Iterator[tuple[Held, Retried]]:
    """Retry each conversation until it is free or an event of it fails; tell after each step.

    Raises:
        InterruptedWorkError: The work was stopped, between two transactions.
        sqlalchemy.exc.DBAPIError: The database is away or refuses.
    """
    for conversation in conversations:
        left: Offset | None = conversation.first
        while left is not None:
            pace.check()
            step = retry(engine, conversation.partition, left, clock=clock, limit=at_once)
            yield conversation, step
            pace.done(step.applied + step.rejected)
            left = None if step.failed else step.left
