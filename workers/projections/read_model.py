"""The whole read model: its projections in the order in which they need one another."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from events.log import Recorded
from runtime.ids import Partition
from workers.projections import conversations, erasures, members, messages, revisions
from workers.projections.statements import LIVE


def apply(
    transaction: Connection,
    partition: Partition,
    events: Sequence[Recorded],
    *,
    schema: str = LIVE,
) -> None:
    """Fold applied `events` of one partition, in order, into the read model of `schema`."""
    messages.apply(transaction, schema, events)
    conversations.apply(transaction, schema, events)
    members.apply(transaction, schema, events)
    erased = erasures.apply(transaction, schema, events)
    messages.mark_read(transaction, schema, events)
    members.move_read_positions(transaction, schema, events)
    members.recount(transaction, schema, events, erased=set(erased))
    revisions.apply(transaction, schema, partition, events, erased=erased)
