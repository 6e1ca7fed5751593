"""What a database that is behind can be given again by the queue, and what it cannot."""

from __future__ import annotations

from events import checkpoints
from events.contracts.offsets import Offset
from events.tail import Tail, tail_behind
from tests.projector.conftest import Harness
from tests.projector.test_projector import Pair


def test_the_tail_is_what_lies_behind_the_checkpoints(harness: Harness) -> None:
    pair = Pair(harness)
    harness.append(pair.sent("one"))
    harness.drain_all()
    with harness.engine.connect() as connection:
        known = checkpoints.read_all(connection)
    assert tail_behind(harness.queue, known) == Tail(retained=0, missing=0)
    for body in ("two", "three", "four"):
        harness.append(pair.sent(body))
    harness.drain_all()
    assert tail_behind(harness.queue, known) == Tail(retained=3, missing=0)
    partition = harness.queue.partition_of(pair.sent())
    first = next(c for c in known if c.partition == partition)
    entries = harness.queue.read(partition, after=first.offset, limit=10)
    harness.queue.trim(partition, before=entries[2].offset)
    assert tail_behind(harness.queue, known) == Tail(retained=1, missing=2)
    harness.queue.trim(partition, before=Offset(entries[2].offset.ms + 1, 0))
    assert tail_behind(harness.queue, known) == Tail(retained=0, missing=3)
