"""One idempotency key, one event: however many requests, whatever dies in between."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.acceptance.footprint import queued
from tests.acceptance.people import Person
from tests.running_stack import RunningStack, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
AT_ONCE = 50
KILLED = ("redis", "auth_api", "command_api", "query_api")
People = tuple[Person, Person, Person]
Repeat = Callable[[], httpx.Response]


def at_once(person: Person, path: str, body: object, keys: list[str]) -> list[httpx.Response]:
    """POST the same body under each of the keys, all requests at the same time."""
    together = threading.Barrier(len(keys))
    limits = httpx.Limits(max_connections=len(keys))
    headers = {"Authorization": person.http.headers["Authorization"]}
    with httpx.Client(base_url=person.http.base_url, timeout=30, limits=limits) as http:

        def post(key: str) -> httpx.Response:
            together.wait()
            return http.post(path, json=body, headers={**headers, "Idempotency-Key": key})

        with ThreadPoolExecutor(len(keys)) as pool:
            return list(pool.map(post, keys))


def same_answer(answers: list[httpx.Response]) -> httpx.Response:
    """Check that all are the first 202, replayed but once, and return it."""
    assert {answer.status_code for answer in answers} == {202}, [a.text for a in answers]
    assert len({answer.content for answer in answers}) == 1
    replayed = [answer.headers.get("Idempotent-Replayed") for answer in answers]
    assert replayed.count("true") == len(answers) - 1
    assert replayed.count(None) == 1
    return answers[0]


def batch_to(person: Person, prefix: str) -> dict[str, object]:
    return {
        "commands": [
            *(
                {"type": "send_message", "to": person.username, "body": f"{prefix} {number}"}
                for number in range(10)
            ),
            {"type": "send_message", "to": person.username},
        ]
    }


def test_fifty_identical_commands_at_once_are_one_event(
    stack: RunningStack, people: People
) -> None:
    alice, bob, _ = people
    before = queued(stack)
    message = {"to": bob.username, "body": "Once"}
    # Quoted and bare, it is the same key.
    keys = ["fifty", '"fifty"'] * (AT_ONCE // 2)
    first = same_answer(at_once(alice, "/command/v1/messages", message, keys))
    assert queued(stack) == before + 1
    shown = bob.see(f"conversations/{alice.username}/messages", first)["items"]
    assert [(one["id"], one["body"]) for one in shown] == [(first.json()["message_id"], "Once")]
    headers = {"Idempotency-Key": "fifty"}
    other = alice.http.post(
        "/command/v1/messages", json={**message, "body": "Twice"}, headers=headers
    )
    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-key-reused"
    assert queued(stack) == before + 1


def test_fifty_identical_batches_at_once_are_one_batch(stack: RunningStack, people: People) -> None:
    alice, _, carol = people
    before = queued(stack)
    batch = batch_to(carol, "Batch")
    first = same_answer(at_once(alice, "/command/v1/batch", batch, ["batch"] * AT_ONCE))
    assert queued(stack) == before + 10
    assert [one["status"] for one in first.json()["results"]] == ["accepted"] * 10 + [422]
    shown = carol.see(f"conversations/{alice.username}/messages", first)["items"]
    assert [one["body"] for one in shown] == [f"Batch {number}" for number in range(10)]


def test_a_key_outlives_the_queue_and_every_service(stack: RunningStack, people: People) -> None:
    _, bob, carol = people
    http = bob.http

    def repeat(path: str, body: object) -> Repeat:
        return lambda: http.post(path, json=body, headers={"Idempotency-Key": f"killed {path}"})

    repeats = (
        repeat("/command/v1/messages", {"to": carol.username, "body": "Once"}),
        repeat("/command/v1/batch", batch_to(carol, "Batch")),
    )
    before = queued(stack)
    firsts = [one() for one in repeats]
    kill_hard(stack, KILLED)
    # The first that anybody hears of it again is the old answer.
    agains = [until_accepted(one) for one in repeats]
    for first, again in zip(firsts, agains, strict=True):
        assert again.content == first.content
        assert again.headers["Idempotent-Replayed"] == "true"
    stack.wait_ready()
    assert queued(stack) == before + 11
    shown = carol.see(f"conversations/{bob.username}/messages", *agains)["items"]
    assert [one["body"] for one in shown] == ["Once", *(f"Batch {number}" for number in range(10))]


def kill_hard(stack: RunningStack, names: tuple[str, ...]) -> None:
    """Kill these services with all their processes at once, and wait for the next ones."""
    killed = {s["name"]: s["pid"] for s in stack.status()["services"] if s["name"] in names}
    assert set(killed) == set(names)
    for pid in killed.values():
        os.killpg(os.getpgid(pid), signal.SIGKILL)

    def restarted() -> bool:
        services = [s for s in stack.status()["services"] if s["name"] in names]
        return all(s["pid"] and s["pid"] != killed[s["name"]] for s in services)

    wait_until(restarted, 60)


def until_accepted(repeat: Repeat) -> httpx.Response:
    """Repeat a command as a client does, until it is accepted; nothing else may come but 503."""
    answers: list[httpx.Response] = []

    def accepted() -> bool:
        answer = repeat()
        assert answer.status_code in {202, 503}, answer.text
        answers.append(answer)
        return answer.status_code == 202

    wait_until(accepted, 60)
    return answers[-1]
