"""Makes the database refuse what it should take, as a bug of ours would, and mends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from events.contracts.messages import MessageSent
from tests.projector.conftest import Harness
from tests.projector.test_projector import Pair

# Nobody else's tests write it.
POISON = "refuse this text"


@contextmanager
def refusing(superuser: Engine, condition: str) -> Iterator[None]:
    """Refuse messages for which `condition` is false, until the end of the block."""
    with superuser.begin() as connection:
        connection.execute(
            text(
                "ALTER TABLE read_model.message"
                f" ADD CONSTRAINT mischief CHECK ({condition}) NOT VALID"
            )
        )
    try:
        yield
    finally:
        mend(superuser)


def mend(superuser: Engine) -> None:
    with superuser.begin() as connection:
        connection.execute(
            text("ALTER TABLE read_model.message DROP CONSTRAINT IF EXISTS mischief")
        )


def neighbour(harness: Harness, pair: Pair) -> Pair:
    """Return another conversation of the same partition."""
    other = Pair(harness)
    while harness.queue.partition_of(other.sent()) != harness.queue.partition_of(pair.sent()):
        other = Pair(harness)
    return other


def put_entry(harness: Harness, pair: Pair, entry: bytes) -> str:
    """Put an entry, readable or not, on the queue of a pair's partition; return its offset."""
    partition = harness.queue.partition_of(pair.sent())
    client = harness.queue._redis
    number = client.hincrby("queue:numbers", partition, 1)
    offset: bytes = client.xadd(f"queue:{partition}", {"n": number, "e": entry})
    return offset.decode()


def message_of(event: object) -> MessageSent:
    assert isinstance(event, MessageSent)
    return event
