"""The bytes of a stream: ids, events, heartbeats, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest

from query_api.reads.errors import ReplicaUnavailableError
from query_api.reads.progress import Reached
from query_api.reads.replica import Row, Rows
from query_api.reads.statements import Statement
from query_api.reads.stream import StreamReads
from query_api.streaming.event_stream import EventStream, Terms
from query_api.streaming.listeners import Listener
from query_api.streaming.looks import Looks
from query_api.streaming.resume_ids import ResumeIds
from runtime.ids import AccountId, SessionId
from runtime.settings import Secret
from tests.event_streams import parse
from web.guard import Identity

pytestmark = pytest.mark.unit

ME = AccountId(UUID(int=1))
IDS = ResumeIds(Secret("not a secret"))
AT = "00000000000000000005-00000000000000000001"
# Where all partitions are: one, with one event, and one conversation.
MARKS = ([3], [AT], 1, 1)


def read_row(position: int, seq: int) -> Row:
    offset = f"{AT[:20]}-{seq:020d}"
    shown = (3, offset, 0, "conversation.read.v1", True, position, "bob", "conversation")
    return ("alice", 7, *shown, False, *[None] * 9, *MARKS)


def sent_row(body: str, *, hidden: bool = False) -> Row:
    shown = (3, AT, 0, "message.sent.v1", False, None, "bob", "conversation")
    columns = ("id", 1, False, "subject", body, "then", None, None, None)
    return ("alice", 7, *shown, hidden, *columns, *MARKS)


class FakeReplica:
    """Answers with one page after another, then with nothing new."""

    def __init__(self, *pages: list[Row] | Exception) -> None:
        self.pages = list(pages)
        self.asked: list[Mapping[str, Any]] = []
        self.while_asked: Callable[[], None] = lambda: None

    def select(self, _statement: Statement, parameters: Mapping[str, Any]) -> Rows:
        self.asked.append(parameters)
        self.while_asked()
        page = self.pages.pop(0) if self.pages else []
        if isinstance(page, Exception):
            raise page
        return page or [("alice", 7, *[None] * 18, *MARKS)]


class Scene:
    """A stream over a fake replica."""

    def __init__(self, replica: FakeReplica, *, heartbeat: float = 60, **terms: Any) -> None:
        self.replica = replica
        self.listener = Listener(Identity(ME, SessionId(UUID(int=2))))
        self.gone = False
        given = {"expires_at": float("inf"), "is_gone": lambda: self.gone, **terms}
        self.chunks: Iterator[bytes] = iter(
            EventStream(
                Looks(StreamReads(replica)),
                IDS,
                self.listener,
                {3: Reached(4, 0)},
                Terms(heartbeat_seconds=heartbeat, **given),
            )
        )


def test_a_stream_begins_with_an_id_and_tells_what_is_there_at_once() -> None:
    scene = Scene(FakeReplica([sent_row("one\ntwo\r\u2028three"), read_row(9, 2)]))
    first = next(scene.chunks).decode()
    assert first.startswith("retry: 1000\nid: ")
    assert first.endswith("\n\n")
    assert IDS.decode(ME, first.split()[-1]) == {3: Reached(4, 0)}
    told = list(parse(next(scene.chunks).decode().split("\n")))
    assert [one.kind for one in told] == ["message.sent", "conversation.read"]
    assert told[0].data["body"] == "one\ntwo\r\u2028three"
    assert (told[0].data["from"], told[0].data["to"]) == ("bob", "alice")
    assert told[1].data == {
        "conversation_id": "conversation",
        "with": "bob",
        "reader": "alice",
        "read_position": 9,
    }
    assert [IDS.decode(ME, one.id)[3] for one in told] == [Reached(5, 1), Reached(5, 2)]
    assert scene.listener.seen == 7


def test_a_message_that_i_hid_comes_without_its_text() -> None:
    scene = Scene(FakeReplica([sent_row("secret", hidden=True)]))
    next(scene.chunks)
    chunk = next(scene.chunks)
    assert b"secret" not in chunk
    (told,) = parse(chunk.decode().split("\n"))
    assert (told.data["subject"], told.data["body"]) == (None, None)


def test_a_bell_makes_it_look_behind_what_was_told() -> None:
    scene = Scene(FakeReplica([read_row(1, 1)], [read_row(2, 2)]))
    for _ in range(2):
        next(scene.chunks)
    scene.listener.ring()
    assert b'"read_position":2' in next(scene.chunks)
    assert [asked["reached"] for asked in scene.replica.asked] == [
        [Reached(4, 0).sortable()],
        [Reached(5, 1).sortable()],
    ]


def test_full_pages_follow_one_another_without_a_bell() -> None:
    full = [[read_row(n, n) for n in range(at, at + 100)] for at in (1, 101)]
    scene = Scene(FakeReplica(*full, [read_row(201, 201)]))
    chunks = [next(scene.chunks) for _ in range(4)]
    assert [chunk.count(b"event: ") for chunk in chunks] == [0, 100, 100, 1]


def test_a_silent_stream_has_a_heartbeat_and_looks_by_itself() -> None:
    scene = Scene(FakeReplica([], [read_row(1, 1)]), heartbeat=0.01)
    next(scene.chunks)
    assert next(scene.chunks) == b": still here\n\n"
    assert b"conversation.read" in next(scene.chunks)


def test_a_database_that_is_away_is_waited_for() -> None:
    slept: list[float] = []
    scene = Scene(FakeReplica(ReplicaUnavailableError(), [read_row(1, 1)]), sleep=slept.append)
    next(scene.chunks)
    assert b"conversation.read" in next(scene.chunks)
    assert slept == [1.0]


def test_it_ends_with_the_access_token() -> None:
    scene = Scene(FakeReplica([read_row(1, 1)]), expires_at=100, now=lambda: 100)
    assert len(list(scene.chunks)) == 1
    assert scene.replica.asked == []


def test_it_ends_when_the_client_has_gone() -> None:
    scene = Scene(FakeReplica([read_row(1, 1)]))
    for _ in range(2):
        next(scene.chunks)
    scene.gone = True
    scene.listener.ring()
    assert list(scene.chunks) == []


def test_what_was_read_while_the_session_ended_is_not_sent() -> None:
    scene = Scene(FakeReplica([read_row(1, 1)]))
    scene.replica.while_asked = scene.listener.end
    assert len(list(scene.chunks)) == 1
