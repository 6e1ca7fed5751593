"""Upgrades, other keys, more partitions, as the runbooks say, under load; `make test-long`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.chat import Chat, chat
from tests.recovery.load import Load, load
from tests.recovery.pages import Page
from tests.recovery.pair import Pair
from tests.running_stack import wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1200)]


@pytest.fixture
def fresh(pair: Pair) -> Iterator[Chat]:
    """Two people whose access tokens have just been handed out."""
    with chat(pair.stack, people=2) as people:
        yield people


def all_is_shown(under: Load) -> None:
    for author, bodies in under.sent.items():
        assert bodies
        wait_until(lambda a=author, b=bodies: under.shown(a) == b, 60)  # type: ignore[misc]  # a, b


def test_an_upgrade_refuses_nobody(pair: Pair, talk: Chat, fresh: Chat, tmp_path: Path) -> None:
    page = Page("upgrade.md", pair.stack, tmp_path)
    before = {name: pair.stack.pid(name) for name in ("worker-1", "beat", "flower")}
    with load(fresh, pair.stack.url) as under:
        page.all("status", "stack show", "backup", "scripts/set-up runtime")
        page.all("up", "stack restart")
    assert under.broken == []
    assert set(under.answers) == {("POST", 202), ("GET", 200)}
    all_is_shown(under)
    page.all("status", "events queues", "dead-letters list", "curl")
    page.end()
    assert all(pair.stack.pid(name) != pid for name, pid in before.items())
    assert pair.is_well(talk)


def test_code_that_cannot_start_is_not_let_in(pair: Pair, fresh: Chat) -> None:
    """As a release would that misses a package: here the plan's secret is away."""
    key = pair.stack.state / "secrets/consistency-key"
    away = key.rename(key.with_suffix(".away"))
    pids = {service["name"]: service["pid"] for service in pair.stack.status()["services"]}
    try:
        assert "cannot start, nothing was changed" in pair.refusal("stack", "restart")
    finally:
        away.rename(key)
    assert pids == {one["name"]: one["pid"] for one in pair.stack.status()["services"]}
    fresh.send(3)
    fresh.await_complete()


def test_all_keys_are_changed_and_nobody_logs_in_anew(
    pair: Pair, fresh: Chat, talk: Chat, tmp_path: Path
) -> None:
    page = Page("key-rotation.md", pair.stack, tmp_path)
    first = json.loads(page.next("jwks.json"))["keys"][-1]["kid"]
    page.all("ls -l", "keys rotate")
    fresh.send(3)
    fresh.await_complete()
    page.next("keys rotate")
    known = ("redis", "command_api"), ("database", "worker"), ("database", "postgres")
    before = [pair.stack.password(*which) for which in known]
    page.all("down", "rm ", "find ", "up")
    after = [pair.stack.password(*which) for which in known]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True]
    kids = [key["kid"] for key in json.loads(page.next("jwks.json"))["keys"]]
    assert first not in kids
    assert len(kids) == 2
    page.all("curl", "status")
    page.end()
    assert pair.is_well(talk)


def test_more_partitions_lose_nothing_and_mix_nothing_up(
    pair: Pair, fresh: Chat, talk: Chat, tmp_path: Path
) -> None:
    page = Page("partition-count.md", pair.stack, tmp_path)
    count = 2 * pair.partitions
    with chat(pair.stack, people=3) as others:
        others.send(20)
        others.await_complete()
        # In every new partition it stays deleted.
        pair.done("accounts", "delete", others.names[0], "--yes")
        wait_until(lambda: pair.named(others.names[0]) == 0, 30)
        talk.log_in_again()
        talk.send(200)
        with load(fresh, pair.stack.url) as under:
            page.all("events queues", "stack show", "backup")
            page.next("repartition 32", given=("32", str(count)))
        assert under.broken == []
        statuses = set(under.answers)
        assert {("POST", 202), ("GET", 200)} <= statuses
        assert statuses <= {("POST", 202), ("POST", 503), ("GET", 200)}
        assert pair.partitions == count
        all_is_shown(under)
        page.all("backup", "events queues", "events verify", "curl")
        page.end()
        assert pair.is_well(talk)
    assert pair.done("events", "rebuild", "--no-swap")["differing_conversations"] == {}
    pair.done("events", "rebuild", "--discard", "--yes")


def test_an_interrupted_change_is_completed_by_running_it_again(pair: Pair, talk: Chat) -> None:
    """The database has moved, the stack's record has not: as a kill in between leaves it."""
    count = 2 * pair.partitions
    record = pair.stack.state / "stack.json"
    old = record.read_text()
    pair.done("events", "repartition", str(count), "--yes")
    record.write_text(old)
    told = pair.stack.messaging("events", "repartition", str(count // 2), "--yes")
    assert told.returncode == 1
    assert "power of two above" in told.stderr
    assert pair.done("events", "repartition", str(count), "--yes")["events_moved"] == 0
    assert pair.partitions == count
    assert pair.is_well(talk)


def test_a_promotion_after_it_applies_again_what_the_standby_lacks(pair: Pair, talk: Chat) -> None:
    pair.done("events", "repartition", str(2 * pair.partitions), "--yes")
    talk.log_in_again()
    talk.send(25)
    talk.await_complete()
    wait_until(pair.follows, 60)
    with pair.standby_held():
        talk.send(100)
        wait_until(pair.all_applied, 60)
        told = pair.done("stack", "promote", "--give-up", "--yes")
    assert told["events_applied_again"] >= 400
    assert told["events_lost"] == 0
    assert pair.rejoined() == "rewound"
    assert pair.is_well(talk)
    verified = pair.stack.messaging("events", "verify")
    assert verified.returncode == 0, verified.stdout
