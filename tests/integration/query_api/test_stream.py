"""The event stream over bare servers: what is told to whom, and that nothing is lost.

Nobody publishes notices here unless a test does: what is told is found by looking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
import redis
from flask import Flask
from werkzeug.serving import make_server

from events.contracts.notices import CHANNEL, Notice
from query_api.settings import StreamSettings
from runtime.ids import conversation_of, partition_of
from tests.event_streams import Listening
from tests.query_harness import Queries, World, app_for, problem
from tests.running_stack import wait_until
from tests.servers import Servers, free_port

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

QUICK = StreamSettings(limit=50, limit_of_account=50, heartbeat_seconds=1)
Listen = Callable[..., Listening]


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an app on a port, one thread for each request, as gunicorn does."""

    def with_socket(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["gunicorn.socket"] = environ["werkzeug.socket"]
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, with_socket, threaded=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()


@pytest.fixture(scope="module")
def streaming(servers: Servers) -> Flask:
    return app_for(servers, stream=QUICK)


@pytest.fixture(scope="module")
def url(streaming: Flask) -> Iterator[str]:
    with served(streaming) as address:
        yield address


@pytest.fixture
def listen(url: str) -> Iterator[Listen]:
    """Opens streams, of which none is open afterwards."""
    with ExitStack() as stack:

        def one(who: Queries, last_event_id: str | None = None, at: str = url) -> Listening:
            token = {"Authorization": f"Bearer {who.account}"}
            http = stack.enter_context(httpx.Client(base_url=at, headers=token))
            listening = Listening(http, last_event_id)
            stack.callback(listening.close)
            return listening

        yield one


def test_both_parties_are_told_everything_as_they_may_see_it(
    world: World, alice: Queries, bob: Queries, eve: Queries, listen: Listen
) -> None:
    world.send(alice.account, bob.account, "before anybody listens")
    hers, his, nobodys = listen(alice), listen(bob), listen(eve)
    sent = world.send(alice.account, bob.account, "one", subject="greeting")
    world.edit(alice.account, sent, "two")
    world.read(bob.account, alice.account, 2)
    world.delete(alice.account, sent)
    for listening in (hers, his):
        told = listening.wait_for(4)
        assert [one.kind for one in told] == [
            *("message.sent", "message.edited", "conversation.read", "message.deleted")
        ]
        assert [one.data.get("position") for one in told] == [2, 2, None, 2]
        conversation = str(conversation_of(alice.account, bob.account))
        assert {one.data["conversation_id"] for one in told} == {conversation}
        tombstone = told[3].data
        assert (tombstone["body"], tombstone["subject"]) == (None, None)
        assert tombstone["deleted_at"] is not None
        assert tombstone == alice.get(f"messages/{sent.message_id}?include=deleted")
    read = {"reader": bob.username, "read_position": 2, "conversation_id": conversation}
    assert his.told[2].data == {**read, "with": alice.username}
    assert hers.told[2].data == {**read, "with": bob.username}
    world.send(eve.account, alice.account, "to alice alone")
    assert nobodys.wait_for(1)[0].what == ("message.sent", "to alice alone")
    assert hers.wait_for(5)[4].data["from"] == eve.username
    assert len(his.told) == 4


def test_a_message_deleted_for_me_is_told_to_me_alone_and_never_again(
    world: World, alice: Queries, bob: Queries, listen: Listen
) -> None:
    hers, his = listen(alice), listen(bob)
    start = his.last_id
    first = world.send(alice.account, bob.account, "first")
    hers.wait_for(1)
    his.wait_for(1)
    world.delete(bob.account, first, "me")
    world.send(alice.account, bob.account, "second")
    gone = his.wait_for(3)[1]
    assert gone.what == ("message.deleted", None)
    assert gone.data["id"] == str(first.message_id)
    assert gone.data["deleted_at"] is None
    assert [one.what for one in hers.wait_for(2)] == [
        ("message.sent", "first"),
        ("message.sent", "second"),
    ]
    # What alice does with it later is none of his business.
    world.edit(alice.account, first, "changed")
    world.delete(alice.account, first)
    world.send(alice.account, bob.account, "third")
    assert his.wait_for(4)[3].what == ("message.sent", "third")
    again = listen(bob, start).wait_for(3)
    assert [one.what for one in again] == [
        ("message.deleted", None),
        ("message.sent", "second"),
        ("message.sent", "third"),
    ]


def test_a_stream_goes_on_behind_each_of_its_ids(
    world: World, register: Callable[[str], Queries], alice: Queries, listen: Listen
) -> None:
    """Also across conversations and partitions, and from ids that lie long back."""
    peers = [register(f"peer{number}") for number in range(6)]
    partitions = {partition_of(conversation_of(alice.account, p.account), 16) for p in peers}
    assert len(partitions) > 1
    listening = listen(alice)
    start = listening.last_id
    for number in range(4):
        for peer in peers:
            world.send(peer.account, alice.account, f"{peer.username} {number}")
    told = listening.wait_for(24)
    everything = {(one.id, one.what) for one in told}
    assert len({one.what for one in told}) == 24
    listening.close()
    for at, last_id in enumerate([start, *(one.id for one in told)][::5]):
        missed = told[at * 5 :]
        resumed = listen(alice, last_id)
        got = resumed.wait_for(len(missed))
        assert sorted(one.what for one in got) == sorted(one.what for one in missed)
        for peer in peers:
            mine = [one.what for one in got if one.data["from"] == peer.username]
            assert mine == [one.what for one in missed if one.data["from"] == peer.username]
        resumed.close()
    assert len(everything) == 24


def test_nothing_happens_to_a_client_that_resumes_at_the_end(
    world: World, alice: Queries, bob: Queries, listen: Listen
) -> None:
    first = listen(alice)
    for number in range(3):
        world.send(bob.account, alice.account, str(number))
    last = first.wait_for(3)[2]
    resumed = listen(alice, last.id)
    world.send(bob.account, alice.account, "new")
    assert [one.what for one in resumed.wait_for(1)] == [("message.sent", "new")]


def test_a_long_absence_is_told_in_full(
    world: World, alice: Queries, bob: Queries, listen: Listen
) -> None:
    listening = listen(alice)
    start = listening.last_id
    listening.close()
    for number in range(250):
        world.send(bob.account, alice.account, str(number))
    told = listen(alice, start).wait_for(250)
    assert [one.data["position"] for one in told] == list(range(1, 251))


def test_a_deleted_account_turns_what_it_sent_into_tombstones_one_by_one(
    world: World, alice: Queries, bob: Queries, eve: Queries, listen: Listen
) -> None:
    for number in range(130):
        world.send(bob.account, alice.account, f"secret {number}")
    own = world.send(alice.account, bob.account, "mine stays")
    world.send(bob.account, eve.account, "elsewhere")
    hers = listen(alice)
    start = hers.last_id
    world.erase(bob.account)
    world.unregister(bob.account)
    told = hers.wait_for(130)[:130]
    hers.close()
    assert {one.what for one in told} == {("message.deleted", None)}
    assert [one.data["position"] for one in told] == list(range(1, 131))
    assert all(one.data["deleted_at"] for one in told)
    # In the midst of it a client can resume as well, and nothing comes twice.
    for at in (0, 1, 99, 100, 129):
        resumed = listen(alice, told[at].id)
        world.send(eve.account, alice.account, f"after {at}")
        rest = resumed.wait_for(130 - at)
        positions = [one.data["position"] for one in rest if one.kind == "message.deleted"]
        assert positions == list(range(at + 2, 131))
        resumed.close()
    assert alice.get(f"messages/{own.message_id}")["body"] == "mine stays"
    fresh = listen(alice)
    world.send(eve.account, alice.account, "fresh")
    assert fresh.wait_for(1)[0].what == ("message.sent", "fresh")
    assert len({one.id for one in told} | {start}) == 131


def test_a_read_that_concerns_no_message_is_not_told(
    world: World, alice: Queries, bob: Queries, listen: Listen
) -> None:
    hers = listen(alice)
    world.read(bob.account, alice.account, 5)
    world.send(alice.account, bob.account, "hello")
    assert [one.kind for one in hers.wait_for(1)] == ["message.sent"]


def test_what_was_refused_is_not_told(
    world: World, alice: Queries, bob: Queries, listen: Listen
) -> None:
    sent = world.send(alice.account, bob.account, "hers")
    hers = listen(alice)
    world.edit(bob.account, sent, "mine now")
    world.delete(bob.account, sent)
    world.send(alice.account, bob.account, "next")
    assert [one.what for one in hers.wait_for(1)] == [("message.sent", "next")]


def test_a_notice_wakes_a_stream_whose_replica_shows_it_only_later(
    world: World, servers: Servers, alice: Queries, bob: Queries, listen: Listen
) -> None:
    hers = listen(alice)
    with redis.Redis(port=servers.valkey_port) as client:
        wait_until(lambda: client.publish(CHANNEL, "nonsense") > 0)
        for number in range(10):
            applied = world.send(bob.account, alice.account, str(number))
            token = applied.token
            notice = Notice(partition=token.partition, offset=token.offset)
            client.publish(CHANNEL, notice.encode())
            assert len(hers.wait_for(number + 1)) == number + 1


def test_streams_are_told_while_redis_is_away(
    servers: Servers, world: World, alice: Queries, bob: Queries, listen: Listen
) -> None:
    with served(app_for(servers, redis_port=free_port(), stream=QUICK)) as address:
        hers = listen(alice, at=address)
        world.send(bob.account, alice.account, "hello")
        assert hers.wait_for(1)[0].what == ("message.sent", "hello")
        hers.close()


def test_a_stream_ends_with_its_session_and_opens_no_more(
    world: World, servers: Servers, alice: Queries, listen: Listen
) -> None:
    hers = listen(alice)
    with redis.Redis(port=servers.valkey_port) as client:
        client.set(f"revoked:{alice.account}", "1", ex=60)
        assert hers.ended.wait(5)
        assert problem(alice.call("stream")) == (401, "token-invalid")
        client.delete(f"revoked:{alice.account}")


def test_a_session_is_known_to_have_ended_without_redis_too(
    servers: Servers, world: World, alice: Queries, listen: Listen
) -> None:
    with served(app_for(servers, redis_port=free_port(), stream=QUICK)) as address:
        hers = listen(alice, at=address)
        world.sql(
            "INSERT INTO identity.session (id, account_id, created_at, last_used_at, expires_at,"
            " user_agent, address, ended_at)"
            " VALUES (:id, :id, now(), now(), now(), '', '', now())",
            id=alice.account,
        )
        assert hers.ended.wait(5)


def test_an_account_has_its_share_of_streams_and_the_process_its_own(
    servers: Servers, alice: Queries, bob: Queries, eve: Queries, listen: Listen
) -> None:
    few = app_for(servers, stream=StreamSettings(limit=3, limit_of_account=2))

    def refusal(who: Queries) -> tuple[int, str]:
        answer = replace(who, app=few).call("stream")
        assert int(answer.headers["Retry-After"]) >= 1
        return problem(answer)

    with served(few) as address:
        hers = [listen(alice, at=address) for _ in range(2)]
        assert refusal(alice) == (429, "too-many-streams")
        his = listen(bob, at=address)
        assert refusal(bob) == (503, "streams-full")
        # Who has none gets the place of one of hers.
        listen(eve, at=address)
        assert hers[0].ended.wait(30)
        assert refusal(alice) == (503, "streams-full")
        # That a client has gone is found out between two heartbeats.
        his.close()
        wait_until(lambda: _opens(listen, alice, address))
        assert not hers[1].ended.is_set()


def _opens(listen: Listen, who: Queries, address: str) -> bool:
    try:
        listen(who, at=address)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("id_", ["nonsense", "AAAA", "é", "A" * 9_000, "AQ=="])
def test_an_unusable_last_event_id_is_refused(alice: Queries, id_: str) -> None:
    answer = alice.call("stream", Last_Event_ID=id_)
    assert problem(answer) == (400, "last-event-id-invalid")


def test_the_id_of_another_account_is_refused(alice: Queries, bob: Queries, listen: Listen) -> None:
    answer = bob.call("stream", Last_Event_ID=listen(alice).last_id)
    assert problem(answer) == (400, "last-event-id-invalid")


def test_the_head_of_a_stream_is_told_without_opening_it(alice: Queries) -> None:
    for _ in range(12):
        answer = alice.call("stream", method="HEAD")
        assert answer.status_code == 200
        assert answer.data == b""
        assert answer.content_type == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["X-Request-ID"]


def test_a_stream_is_nothing_but_events(alice: Queries) -> None:
    assert problem(alice.call("stream", Accept="application/json")) == (406, "not-acceptable")
    assert problem(alice.call("stream", method="POST")) == (405, "method-not-allowed")
    assert problem(alice.call("stream?since=1")) == (422, "invalid-fields")
    stranger = Queries(app=alice.app, account=alice.account, username="")
    assert stranger.app.test_client().get("/query/v1/stream").status_code == 401


def test_a_stream_is_silent_no_longer_than_its_heartbeat(url: str, alice: Queries) -> None:
    token = {"Authorization": f"Bearer {alice.account}", "Accept": "text/event-stream"}
    with (
        httpx.Client(base_url=url, headers=token, timeout=10) as http,
        http.stream("GET", "/query/v1/stream") as response,
    ):
        lines = response.iter_lines()
        assert next(lines) == "retry: 1000"
        assert next(lines).startswith("id: ")
        assert next(lines) == ""
        assert next(lines) == ": still here"


def test_a_new_account_is_told_of_its_first_conversation(
    world: World, register: Callable[[str], Queries], bob: Queries, listen: Listen
) -> None:
    new = register("new")
    first = listen(new)
    start = first.last_id
    first.close()
    world.send(bob.account, new.account, "welcome")
    assert listen(new, start).wait_for(1)[0].what == ("message.sent", "welcome")
