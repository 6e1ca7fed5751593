"""Sixteen senders in one conversation at once: no gap, no double, everybody's own order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.acceptance.people import Person, log_in
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack
SENDERS = 16
EACH = 20
People = tuple[Person, Person, Person]
# Who sent, and the answers in the order of sending.
Sent = tuple[str, list[httpx.Response]]


def test_sixteen_senders_keep_their_order_at_gapless_positions(
    stack: RunningStack, people: People
) -> None:
    pair = people[:2]
    together = threading.Barrier(SENDERS)

    def send(number: int) -> Sent:
        # Half of them for each of the two, every one in a session of its own.
        me, peer = pair[number % 2], pair[1 - number % 2]
        with httpx.Client(base_url=stack.url, timeout=60) as http:
            log_in(http, {"username": me.username, "password": me.password})
            together.wait()
            bodies = [f"{number} {count}" for count in range(EACH)]
            messages = [{"to": peer.username, "body": body} for body in bodies]
            return me.username, [http.post("/command/v1/messages", json=m) for m in messages]

    with ThreadPoolExecutor(SENDERS) as pool:
        sent = list(pool.map(send, range(SENDERS)))
    assert {answer.status_code for _, answers in sent for answer in answers} == {202}
    check(pair[0], pair[1], sent)
    check(pair[1], pair[0], sent)


def check(me: Person, peer: Person, sent: list[Sent]) -> None:
    """Check what one of the two sees of all that was sent."""
    path = f"conversations/{peer.username}/messages?after=0&limit=100"
    shown = me.pages(path, *(answers[-1] for _, answers in sent))
    assert [one["position"] for one in shown] == list(range(1, SENDERS * EACH + 1))
    for number, (sender, answers) in enumerate(sent):
        theirs = [one for one in shown if one["body"].startswith(f"{number} ")]
        assert [one["body"] for one in theirs] == [f"{number} {n}" for n in range(EACH)]
        assert [one["id"] for one in theirs] == [a.json()["message_id"] for a in answers]
        assert {one["from"] for one in theirs} == {sender}
