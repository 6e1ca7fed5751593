"""Streams while parts of the service are killed or frozen: followers miss nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.chaos.load import Load, Sender
from tests.event_streams import Follower
from tests.running_stack import RunningStack, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

KILLED = ("worker-1", "worker-2", "query_stream", "redis", "pgpool", "nginx")


@contextmanager
def followed(stack: RunningStack, load: Load) -> Iterator[dict[str, Follower]]:
    """Follow the stream of everybody who is written to."""
    followers: dict[str, Follower] = {}
    with ExitStack() as streams:
        for sender in load.senders:

            def log_in(_: httpx.Client, name: str = sender.to) -> dict[str, str]:
                with httpx.Client(base_url=stack.url, timeout=20) as client:
                    return load.log_in(client, name)

            followers[sender.to] = Follower(stack.url, log_in)
            streams.callback(followers[sender.to].stop)
        yield followers


def check(load: Load, followers: dict[str, Follower]) -> None:
    """Assert that each recipient was told each message of its sender once, in order."""
    for sender in load.senders:
        follower = followers[sender.to]
        wait_until(lambda s=sender, f=follower: len(_from(s, f)) >= len(s.acknowledged), 90)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert _from(sender, follower) == sender.acknowledged
        assert len({one.id for one in follower.told}) == len(follower.told)


def _from(sender: Sender, follower: Follower) -> list[str]:
    told = list(follower.told)
    return [one.data["body"] for one in told if one.data["from"] == sender.username]


def test_followers_are_told_everything_once_although_processes_are_killed(
    fragile: RunningStack,
) -> None:
    load = Load(fragile, people=3)
    with followed(fragile, load) as followers:
        with load.running():
            for name in KILLED:
                load.await_progress()
                if fragile.service(name)["pid"]:
                    fragile.kill(name)
                load.await_progress()
                fragile.wait_ready(90)
        load.check()
        check(load, followers)


def test_followers_are_told_everything_once_although_the_replica_is_frozen(
    fragile: RunningStack,
) -> None:
    load = Load(fragile, people=3)
    with followed(fragile, load) as followers:
        with load.running():
            load.await_progress()
            frozen = fragile.kill("replica", signal.SIGSTOP)
            try:
                load.await_progress()
            finally:
                os.kill(frozen, signal.SIGCONT)
            fragile.wait_ready(90)
            load.await_progress()
        load.check()
        check(load, followers)
