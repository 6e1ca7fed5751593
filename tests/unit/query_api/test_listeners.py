"""Listeners: places, bells and ends; the watch, which rings and ends; notices, heard or not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import pytest
import redis

from events.contracts.notices import Notice
from events.contracts.offsets import Offset
from query_api.reads.errors import ReplicaUnavailableError
from query_api.reads.replica import Rows
from query_api.reads.statements import Statement
from query_api.reads.stream import StreamReads
from query_api.reads.stream_marks import CHECKPOINTS
from query_api.streaming import watch as watches
from query_api.streaming.listeners import (
    Listener,
    Listeners,
    StreamsFullError,
    TooManyStreamsError,
)
from query_api.streaming.notices import Notices
from query_api.streaming.watch import Watch
from runtime.errors import UnavailableError
from runtime.ids import AccountId, Partition, SessionId
from web.guard import Identity

pytestmark = pytest.mark.unit


def identity(account: int, session: int = 0) -> Identity:
    return Identity(AccountId(UUID(int=account)), SessionId(UUID(int=session or account)))


class FakeReplica:
    """Shows what it is told to show."""

    def __init__(self) -> None:
        self.revisions: dict[UUID, int] = {}
        self.checkpoints: dict[int, Offset] = {}
        self.asked_for_checkpoints = 0
        self.away = False

    def select(self, statement: Statement, parameters: Mapping[str, Any]) -> Rows:
        if self.away:
            raise ReplicaUnavailableError
        if statement is CHECKPOINTS:
            self.asked_for_checkpoints += 1
            named: Collection[int] = parameters["partitions"]
            found = {p: o for p, o in self.checkpoints.items() if p in named}
            return [(partition, offset.sortable()) for partition, offset in found.items()]
        accounts: Collection[str] = parameters["accounts"]
        return [(str(a), r) for a, r in self.revisions.items() if str(a) in accounts]


class FakeNotices:
    def __init__(self) -> None:
        self.to_hear: list[Notice] = []
        self.waits: list[float] = []
        self.stopped = False

    def wait(self, seconds: float) -> list[Notice]:
        self.waits.append(seconds)
        heard, self.to_hear = self.to_hear, []
        return heard

    def stop(self) -> None:
        self.stopped = True


class FakeSessions:
    def __init__(self) -> None:
        self.ended: set[UUID] = set()
        self.away = False

    def is_revoked(self, session_id: SessionId) -> bool:
        if self.away:
            raise UnavailableError
        return session_id in self.ended


class Scene:
    """A watch over listeners, everything around it faked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.listeners = Listeners(most=10, most_of_account=10)
        self.replica, self.notices, self.sessions = FakeReplica(), FakeNotices(), FakeSessions()
        self.watch = Watch(
            self.listeners,
            StreamReads(self.replica),
            self.sessions,
            self.notices,
            clock=lambda: self.now,
        )
        monkeypatch.setattr(watches, "_SESSIONS_EVERY_S", 0)

    def notice(self, partition: int, ms: int) -> None:
        self.notices.to_hear.append(Notice(partition=Partition(partition), offset=Offset(ms, 0)))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_an_account_and_a_process_have_their_share() -> None:
    listeners = Listeners(most=3, most_of_account=1)
    first, _, _ = (listeners.add(identity(number)) for number in (1, 2, 3))
    with pytest.raises(TooManyStreamsError) as of_account:
        listeners.add(identity(1))
    with pytest.raises(StreamsFullError) as of_process:
        listeners.add(identity(4))
    assert of_account.value.problem.status == 429
    assert of_process.value.problem.status == 503
    listeners.remove(first)
    listeners.remove(first)
    listeners.add(identity(4))
    with pytest.raises(StreamsFullError):
        listeners.add(identity(5))


def test_in_a_full_process_the_oldest_stream_of_who_has_the_most_ends_for_who_has_fewer() -> None:
    listeners = Listeners(most=6, most_of_account=5)
    few = [listeners.add(identity(2)) for _ in range(2)]
    many = [listeners.add(identity(1)) for _ in range(4)]
    newcomers = [listeners.add(identity(3)) for _ in range(2)]
    assert [one.is_over for one in many] == [True, True, False, False]
    assert not any(one.is_over for one in [*few, *newcomers])
    assert listeners.all() == [*few, *many[2:], *newcomers]
    # All have the same by now: another would only send one away who comes back.
    for account in (1, 2, 3):
        with pytest.raises(StreamsFullError):
            listeners.add(identity(account))
    last = listeners.add(identity(4))
    assert few[0].is_over
    assert not last.is_over


def test_streams_that_were_ended_for_others_keep_no_more_threads_than_are_spared() -> None:
    listeners = Listeners(most=20, most_of_account=20)
    many = [listeners.add(identity(1)) for _ in range(20)]
    for newcomer in range(2, 6):
        listeners.add(identity(newcomer))
    with pytest.raises(StreamsFullError):
        listeners.add(identity(6))
    assert [one.is_over for one in many[:5]] == [True] * 4 + [False]
    listeners.remove(many[0])
    listeners.add(identity(6))
    assert many[4].is_over


def test_a_process_that_stops_ends_its_streams_and_opens_none() -> None:
    listeners = Listeners(most=3, most_of_account=2)
    listener = listeners.add(identity(1))
    assert not listener.is_over
    listeners.close()
    assert listener.is_over
    assert listener.wait(0)
    with pytest.raises(StreamsFullError):
        listeners.add(identity(2))


def test_a_bell_rings_once() -> None:
    listener = Listener(identity(1))
    assert not listener.wait(0)
    listener.ring()
    listener.ring()
    assert listener.wait(0)
    assert not listener.wait(0)


def test_a_session_of_which_nothing_is_known_for_long_counts_as_ended() -> None:
    now = 0.0
    listener = Listener(identity(1), clock=lambda: now)
    now = 3.9
    assert not listener.is_over
    listener.confirm()
    now = 7.8
    assert not listener.is_over
    now = 8.0
    assert listener.is_over


def test_the_watch_rings_for_those_alone_who_have_not_seen_everything(scene: Scene) -> None:
    one, other, new = (scene.listeners.add(identity(number)) for number in (1, 2, 3))
    one.seen = other.seen = 4
    scene.replica.revisions = {UUID(int=1): 5, UUID(int=2): 4}
    scene.watch.look_for_news()
    assert (one.wait(0), other.wait(0), new.wait(0)) == (True, False, False)


def test_after_a_notice_the_watch_looks_until_the_replica_shows_it(scene: Scene) -> None:
    listener = scene.listeners.add(identity(1))
    scene.notice(3, 100)
    scene.notice(3, 90)
    scene.replica.checkpoints = {3: Offset(99, 0)}
    for _ in range(3):
        scene.watch.look_for_news()
        assert not listener.wait(0)
    assert scene.notices.waits[0] == 1.0
    assert all(pause <= 0.05 for pause in scene.notices.waits[1:])
    scene.replica.checkpoints = {3: Offset(100, 0)}
    scene.replica.revisions = {UUID(int=1): 1}
    scene.watch.look_for_news()
    assert listener.wait(0)
    asked = scene.replica.asked_for_checkpoints
    scene.watch.look_for_news()
    assert scene.notices.waits[-1] == 1.0
    assert scene.replica.asked_for_checkpoints == asked


def test_a_replica_that_stays_behind_is_not_asked_in_haste_for_ever(scene: Scene) -> None:
    scene.listeners.add(identity(1))
    scene.notice(3, 100)
    scene.watch.look_for_news()
    scene.now = 2.5
    scene.watch.look_for_news()
    scene.watch.look_for_news()
    assert scene.notices.waits[-1] == 1.0


def test_without_listeners_nothing_is_heard_or_asked(scene: Scene) -> None:
    scene.notice(3, 100)
    scene.replica.away = True
    scene.watch.look_for_news()
    assert scene.notices.stopped
    assert scene.notices.waits == [1.0]


def test_the_watch_ends_streams_with_their_sessions(scene: Scene) -> None:
    ended, going_on = scene.listeners.add(identity(1, 11)), scene.listeners.add(identity(1, 12))
    scene.sessions.ended = {UUID(int=11)}
    scene.watch.look_at_sessions()
    assert ended.is_over
    assert not going_on.is_over


def test_what_nobody_can_tell_confirms_no_session(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = scene.listeners.add(identity(1))
    confirmed: list[bool] = []
    monkeypatch.setattr(listener, "confirm", lambda: confirmed.append(True))
    scene.sessions.away = True
    scene.watch.look_at_sessions()
    assert (confirmed, listener.is_over) == ([], False)
    scene.sessions.away = False
    scene.watch.look_at_sessions()
    assert confirmed == [True]


def test_a_broken_subscription_is_taken_up_again_after_a_pause() -> None:
    # Nobody listens on this port.
    client = redis.Redis(port=1)
    slept: list[float] = []
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    notices = Notices(client, clock=lambda: now, sleep=sleep)
    assert notices.wait(0.4) == []
    assert notices.wait(0.4) == []
    assert slept == [0.4, 0.4]


def test_a_notice_is_read_as_it_was_written() -> None:
    notice = Notice(partition=Partition(7), offset=Offset(1_900_000_000_000, 3))
    assert Notice.decode(notice.encode()) == notice
    for text in ("", "7", "7 x", "x 1-1", "1-1 7"):
        with pytest.raises(ValueError, match=r".+"):
            Notice.decode(text)
