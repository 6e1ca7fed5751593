"""A rebuild under the query API: answers stay, entity tags change, no query fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from runtime.clock import utc_now
from tests.integration.query_api.conftest import Register
from tests.integration.query_api.test_reads_tags import lists, seen
from tests.query_harness import Queries, World
from tests.rebuild.conftest import engines_of
from tests.servers import Servers
from workers.alone import Engines
from workers.pace import Pace
from workers.rebuild import Rebuild, discard


@pytest.fixture
def engines(servers: Servers) -> Iterator[Engines]:
    made = engines_of(servers)
    yield made
    discard(made)
    made.operator.dispose()
    made.worker.dispose()


def rebuild(engines: Engines) -> Rebuild:
    return Rebuild(engines, pace=Pace(), clock=utc_now)


def test_each_swap_changes_every_tag_and_no_answer(
    engines: Engines, world: World, alice: Queries, bob: Queries
) -> None:
    for _ in range(3):
        world.send(alice.account, bob.account, "word")
        world.send(bob.account, alice.account, "word")
    world.read(bob.account, alice.account, 1)
    before = seen(bob, alice)
    rebuild(engines).run()
    swapped = seen(bob, alice)
    assert {path: body for path, (_, body) in swapped.items()} == {
        path: body for path, (_, body) in before.items()
    }
    assert not {tag for tag, _ in swapped.values()} & {tag for tag, _ in before.values()}
    for path, (tag, _) in swapped.items():
        assert bob.call(path, If_None_Match=tag).status_code == 304
    # Back to the first tables, in which the revisions went on.
    world.send(alice.account, bob.account, "word")
    rebuild(engines).roll_back()
    back = seen(bob, alice)
    earlier = {tag for tag, _ in before.values()} | {tag for tag, _ in swapped.values()}
    assert not {tag for tag, _ in back.values()} & earlier


def test_readers_with_tokens_see_their_writes_through_swaps(
    engines: Engines, world: World, register: Register
) -> None:
    alice, bob = register("alice"), register("bob")
    over, wrong = threading.Event(), list[str]()

    def write_and_read() -> None:
        position = 0
        while not over.is_set():
            position += 1
            sent = world.send(alice.account, bob.account, "word")
            for path in [*lists(alice)[:1], f"conversations/{alice.username}/messages/last"]:
                answer = bob.call(path, **sent.header, Prefer="wait=10")
                if answer.status_code != 200 or f'"position":{position}' not in answer.text:
                    wrong.append(f"{path}: {answer.status_code}: {answer.text}")

    writer = threading.Thread(target=write_and_read)
    writer.start()
    try:
        for _ in range(3):
            assert rebuild(engines).run().compared.is_equal
        assert rebuild(engines).roll_back().compared.is_equal
    finally:
        over.set()
        writer.join(60)
    assert wrong == []
