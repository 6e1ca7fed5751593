"""Commands whose client waits for their effect: the query API and a projector at the other end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from queue import Queue
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, create_engine
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from command_api.outcomes import MOST_WAITING
from events.opening import ensure_open
from events.queue import EventQueue
from runtime.clock import utc_now
from runtime.ids import AccountId, Partition
from tests import query_harness
from tests.command_harness import Commands, accepted, commands_of, queued
from tests.integration.command_api.conftest import QUEUE, People
from tests.query_harness import Queries
from tests.servers import Servers
from workers.projector import Projector

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


@pytest.fixture
def worker(servers: Servers) -> Iterator[Engine]:
    engine = create_engine(servers.database_url("worker"), pool_size=4)
    yield engine
    engine.dispose()


@pytest.fixture
def queue(redis: Redis, worker: Engine) -> EventQueue:
    opened = EventQueue(redis, QUEUE)
    ensure_open(opened, worker, clock=utc_now)
    return opened


@pytest.fixture
def projecting(queue: EventQueue, worker: Engine) -> Iterator[None]:
    """A projector at work in all partitions until the test ends."""
    projector = Projector(queue, worker, batch_size=100, clock=utc_now, linger_ms=0)
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.01):
            for partition in queue.partitions:
                projector.drain(Partition(partition))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture(scope="module")
def query_app(servers: Servers) -> Flask:
    return query_harness.app_for(servers)


@contextmanager
def serving(app: WSGIApplication) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/query/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def query_url(query_app: Flask) -> Iterator[str]:
    with serving(query_app) as url:
        yield url


@pytest.fixture
def alice(servers: Servers, queue: EventQueue, people: People, query_url: str) -> Commands:
    return commands_of(people.alice, servers, QUEUE, query_url=query_url)


def send(me: Commands, body: str, prefer: str, key: str | None = None) -> TestResponse:
    message = {"to": "bob", "body": body}
    return me.call("POST", "messages", key=key, json=message, headers={"Prefer": prefer})


def edit(me: Commands, message_id: str, prefer: str) -> TestResponse:
    path = f"messages/{message_id}"
    return me.call("PATCH", path, json={"body": "edited"}, headers={"Prefer": prefer})


def reader(app: Flask, account: AccountId) -> Queries:
    return Queries(app=app, account=account, username="-")


@pytest.mark.usefixtures("projecting")
def test_who_waits_is_answered_with_the_message(alice: Commands, query_app: Flask) -> None:
    answer = send(alice, "Hello", "respond-async, wait=5")
    assert answer.status_code == 201, answer.text
    assert answer.json is not None
    assert (answer.json["from"], answer.json["to"], answer.json["body"]) == (
        "alice",
        "bob",
        "Hello",
    )
    assert answer.headers["Preference-Applied"] == "wait=5"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Idempotent-Replayed" not in answer.headers
    address = answer.headers["Location"]
    assert address == f"/query/v1/messages/{answer.json['id']}"
    token = answer.headers["Consistency-Token"]
    queries = reader(query_app, alice.account)
    assert queries.get(address, Consistency_Token=token) == answer.json


@pytest.mark.usefixtures("projecting")
def test_an_edit_is_answered_with_the_message_edited(alice: Commands, people: People) -> None:
    sent = send(alice, "Hello", "wait=5").json
    assert sent is not None
    answer = edit(alice, sent["id"], "wait=60")
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert answer.json["edited_at"] is not None
    assert answer.json == {**sent, "body": "edited", "edited_at": answer.json["edited_at"]}
    assert answer.headers["Preference-Applied"] == "wait=10"
    # The recipient may see the message and not edit it: what is shown would not be their doing.
    refused = edit(replace(alice, account=people.bob), sent["id"], "wait=5")
    assert accepted(refused)["message_id"] == sent["id"]
    assert "Preference-Applied" not in refused.headers


def test_a_command_that_is_not_applied_in_time_is_accepted(
    alice: Commands, queue: EventQueue
) -> None:
    began = time.monotonic()
    answer = send(alice, "Hello", "wait=1")
    assert time.monotonic() - began >= 1
    assert accepted(answer)["status"] == "accepted"
    assert answer.headers["Location"].startswith("/query/v1/events/")
    assert "Preference-Applied" not in answer.headers
    assert len(queued(queue)) == 1


@pytest.mark.parametrize("prefer", ["wait=0", "wait", "wait=-1", "wait=soon", "respond-async", ""])
@pytest.mark.usefixtures("projecting")
def test_who_does_not_ask_to_wait_is_answered_at_once(alice: Commands, prefer: str) -> None:
    answer = send(alice, "Hello", prefer)
    assert accepted(answer)["status"] == "accepted"
    assert "Preference-Applied" not in answer.headers


@pytest.mark.usefixtures("projecting")
def test_commands_that_show_no_message_do_not_wait(alice: Commands) -> None:
    sent = send(alice, "Hello", "wait=5").json
    assert sent is not None
    for answer in (
        alice.call("POST", "conversations/bob/read", json={"up_to": 1}, headers=WAIT),
        alice.call("POST", "batch", json={"commands": [{}]}, headers=WAIT),
        alice.call("DELETE", f"messages/{sent['id']}", headers=WAIT),
    ):
        assert answer.status_code == 202
        assert "Preference-Applied" not in answer.headers


WAIT = {"Prefer": "wait=10"}


def test_a_repeated_command_may_wait_where_the_first_did_not(
    alice: Commands, queue: EventQueue, request: pytest.FixtureRequest
) -> None:
    first = accepted(send(alice, "Hello", "wait=0", key="k"))
    request.getfixturevalue("projecting")
    again = send(alice, "Hello", "wait=5", key="k")
    assert again.status_code == 201
    assert again.json is not None
    assert again.json["id"] == first["message_id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Preference-Applied"] == "wait=5"
    assert again.headers["Consistency-Token"] == first["consistency_token"]
    assert accepted(send(alice, "Hello", "", key="k")) == first
    assert len(queued(queue)) == 1


@pytest.mark.usefixtures("projecting")
def test_fifty_at_once_with_one_key_are_one_message(alice: Commands, queue: EventQueue) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: send(alice, "Hello", "wait=10", key="k"), range(50)))
    shown = [answer.json for answer in answers if answer.status_code == 201]
    assert shown
    assert all(one == shown[0] for one in shown)
    # Those beyond the most that may wait are answered at once.
    assert {answer.status_code for answer in answers} <= {201, 202}
    assert len(queued(queue)) == 1


class Holding:
    """A query API that answers nobody until it is let go."""

    def __init__(self) -> None:
        self.asked: Queue[str] = Queue()
        self.let_go = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        self.asked.put(environ["HTTP_PREFER"])
        self.let_go.wait(60)
        start_response("404 Not Found", [])
        return []


def test_few_wait_at_once_and_the_others_are_answered(
    servers: Servers, people: People, queue: EventQueue
) -> None:
    holding = Holding()
    with serving(holding) as url, ThreadPoolExecutor(MOST_WAITING) as pool:
        alice = commands_of(people.alice, servers, QUEUE, query_url=url)
        waiting = [pool.submit(send, alice, str(n), "wait=10") for n in range(MOST_WAITING)]
        assert [holding.asked.get(timeout=60) for _ in waiting] == ["wait=10"] * MOST_WAITING
        for number in range(4):
            accepted(send(alice, f"another {number}", "wait=10"))
        assert holding.asked.empty()
        holding.let_go.set()
        for one in waiting:
            accepted(one.result())
    assert len(queued(queue)) == MOST_WAITING + 4


@pytest.mark.usefixtures("projecting")
def test_without_the_query_api_commands_are_accepted(
    servers: Servers, people: People, queue: EventQueue
) -> None:
    lonely = commands_of(people.alice, servers, QUEUE)
    assert accepted(send(lonely, "Hello", "wait=5"))["status"] == "accepted"
    assert len(queued(queue)) == 1


def test_a_refused_command_does_not_wait(alice: Commands) -> None:
    answer = alice.call("POST", "messages", json={"to": "nobody", "body": "x"}, headers=WAIT)
    assert answer.status_code == 404
    assert "Preference-Applied" not in answer.headers
