"""What the command API does while something it needs is away, full or slow."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import orjson
import pytest
from redis import Redis
from sqlalchemy import Engine

from command_api.app import create_app
from events.append import RateLimit
from events.queue import EventQueue
from tests.bare import shut_out
from tests.command_harness import (
    GENEROUS,
    NOWHERE,
    BelievesAll,
    Commands,
    NobodyRevoked,
    accepted,
    commands_of,
    problem,
    queued,
    settings_for,
)
from tests.integration.command_api.conftest import QUEUE, People
from tests.servers import Servers
from web.guard import Guard


def test_commands_are_accepted_while_postgres_is_away(
    alice: Commands, queue: EventQueue, people: People, superuser: Engine
) -> None:
    accepted(alice.send("bob"))
    carol = {"type": "send_message", "to": "carol", "body": "x"}
    people.register("carol")
    with shut_out(superuser, "command_api"):
        accepted(alice.send("bob"))
        refused = alice.send("carol")
        results = accepted(alice.batch(carol | {"to": "bob"}, carol))["results"]
        # Under a key, the refusal of a moment would be the answer for a day.
        keyed = alice.batch(carol | {"to": "bob"}, carol, key="k")
    assert problem(refused) == (503, "service-unavailable")
    assert refused.headers["Retry-After"] == "1"
    assert [result["status"] for result in results] == ["accepted", 503]
    assert problem(keyed) == (503, "service-unavailable")
    accepted(alice.send("carol"))
    assert len(queued(queue)) == 4
    accepted(alice.batch(carol | {"to": "bob"}, carol, key="k"))
    assert len(queued(queue)) == 6


def test_a_repeated_batch_is_answered_while_postgres_is_away(
    servers: Servers, queue: EventQueue, people: People, superuser: Engine, redis: Redis
) -> None:
    batch = {"type": "send_message", "to": "bob", "body": "x"}
    first = commands_of(people.alice, servers, QUEUE).batch(batch, key="k")
    # Another process, which remembers nobody, a week later.
    redis.delete(*redis.keys("name:*"))
    elsewhere = commands_of(people.alice, servers, QUEUE)
    with shut_out(superuser, "command_api"):
        again = elsewhere.batch(batch, key="k")
        changed = elsewhere.batch(batch, batch, key="k")
        unknown = elsewhere.batch(batch, key="other")
    assert again.data == first.data
    assert again.headers["Idempotent-Replayed"] == "true"
    assert problem(changed) == (422, "idempotency-key-reused")
    assert problem(unknown) == (503, "service-unavailable")
    assert len(queued(queue)) == 1


def test_any_process_accepts_without_postgres_to_whom_another_one_sent(
    servers: Servers, queue: EventQueue, people: People, superuser: Engine
) -> None:
    accepted(commands_of(people.alice, servers, QUEUE).send("bob"))
    elsewhere = commands_of(people.alice, servers, QUEUE)
    with shut_out(superuser, "command_api"):
        accepted(elsewhere.send("bob"))
        (batched,) = accepted(elsewhere.batch({"type": "send_message", "to": "bob", "body": "x"}))[
            "results"
        ]
        never_met = elsewhere.send("alice-not-met")
    assert batched["status"] == "accepted"
    assert problem(never_met) == (503, "service-unavailable")
    assert len(queued(queue)) == 3


def test_without_redis_nothing_is_accepted(servers: Servers, people: People) -> None:
    half = replace(NOWHERE, postgres_port=servers.postgres_port)
    answer = commands_of(people.alice, half, QUEUE).send("bob")
    assert problem(answer) == (503, "queue-unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_a_redis_without_memory_left_accepts_nothing(
    alice: Commands, queue: EventQueue, redis: Redis
) -> None:
    redis.config_set("maxmemory", 1)
    assert problem(alice.send("bob", key="k")) == (503, "queue-unavailable")
    redis.config_set("maxmemory", 0)
    accepted(alice.send("bob", key="k"))
    assert len(queued(queue)) == 1


def test_a_full_queue_accepts_nothing_and_says_so(
    servers: Servers, queue: EventQueue, people: People
) -> None:
    alice = commands_of(people.alice, servers, replace(QUEUE, limit=1))
    accepted(alice.send("bob"))
    answer = alice.send("bob")
    assert problem(answer) == (503, "queue-full")
    assert answer.headers["Retry-After"] == "1"


def test_an_account_that_is_too_fast_is_told_how_long_to_wait(
    servers: Servers, queue: EventQueue, people: People
) -> None:
    alice = commands_of(people.alice, servers, QUEUE, rate=RateLimit(per_second=1, burst=2))
    bob = replace(alice, account=people.bob)
    accepted(alice.send("bob"))
    accepted(alice.send("bob"))
    answer = alice.send("bob")
    assert problem(answer) == (429, "rate-exceeded")
    assert answer.headers["Retry-After"] == "1"
    accepted(bob.send("alice"))


def test_names_are_not_tried_faster_than_messages_are_sent(
    servers: Servers, queue: EventQueue, people: People
) -> None:
    alice = commands_of(people.alice, servers, QUEUE, rate=RateLimit(per_second=1, burst=2))
    tried = [problem(alice.send(name)) for name in ("one", "another", "yet-another")]
    assert tried == [(404, "recipient-unknown")] * 2 + [(429, "rate-exceeded")]
    assert problem(alice.send("bob")) == (429, "rate-exceeded")
    assert queued(queue) == []


def test_a_rung_bell_wakes_the_projector_with_partition_and_event(
    alice: Commands, queue: EventQueue, servers: Servers
) -> None:
    first = accepted(alice.send("bob"))
    accepted(alice.send("bob"))
    partition = alice.tools.tokens.decode(first["consistency_token"]).partition
    with Redis(port=servers.valkey_port, db=1) as broker:
        deliveries = [orjson.loads(one) for one in broker.lrange(f"events.{partition}", 0, -1)]
    assert [one["headers"]["task"] for one in deliveries] == ["project"]
    assert deliveries[0]["headers"]["argsrepr"] == f"[{partition}, '{first['event_id']}']"


@pytest.mark.parametrize("answers", [False, True])
def test_a_broker_that_is_away_delays_no_answer_for_long(
    servers: Servers, queue: EventQueue, people: People, answers: bool
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if answers:
            silent.listen()  # It takes connections and never says a word.
        settings = settings_for(servers, QUEUE, GENEROUS)
        url = f"redis://default@127.0.0.1:{silent.getsockname()[1]}/1"
        app = create_app(
            replace(settings, broker=replace(settings.broker, url=url)),
            guard=Guard(BelievesAll(), NobodyRevoked()),
        )
        started = time.monotonic()
        accepted(Commands(app=app, account=people.alice).send("bob"))
        assert time.monotonic() - started < 3


def test_readiness_tells_of_redis_and_of_a_queue_that_is_not_open(
    servers: Servers, queue: EventQueue, people: People
) -> None:
    def parts(where: Servers) -> dict[str, str]:
        client = commands_of(people.alice, where, QUEUE).app.test_client()
        answer = client.get("/command/v1/readyz")
        assert answer.json is not None
        told = {name: part["status"] for name, part in answer.json["parts"].items()}
        assert (answer.status_code == 200) == (set(told.values()) == {"ready"})
        return told

    assert parts(servers) == {"redis": "ready", "queue": "ready"}
    queue.close()
    assert parts(servers) == {"redis": "ready", "queue": "unready"}
    assert parts(NOWHERE) == {"redis": "unready", "queue": "unready"}
