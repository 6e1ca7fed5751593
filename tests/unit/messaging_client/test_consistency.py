"""Queries carry the tokens of one's own commands, until one has confirmed them and a while more."""

from __future__ import annotations

import httpx
import pytest

from messaging_client import (
    MOST_TOKENS,
    ConsistencyTokenInvalidError,
    Freshness,
    MessagingClient,
    NotYetVisibleError,
)
from messaging_client.consistency import TokenMemory
from tests.fake_service import Clock, FakeService, Handler, problem
from tests.unit.messaging_client.conftest import Connect

pytestmark = pytest.mark.unit


def _tokens(request: httpx.Request) -> list[str]:
    header = request.headers.get("Consistency-Token", "")
    return header.split(",") if header else []


def _read(ann: MessagingClient, service: FakeService, token: str | None = None) -> list[str]:
    """Return the tokens that a query carries."""
    ann.unread(token=token)
    return _tokens(service.requests[-1])


def test_queries_wait_for_ones_own_commands_until_a_minute_after_one_has_shown_them(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    sent = [ann.send_message("ben", str(number)).consistency_token for number in range(3)]
    clock.now += 100
    assert _read(ann, service) == sent
    assert service.requests[-1].headers["Prefer"] == "wait=5"
    clock.now += 59
    # Another node may answer, and be behind the one that has confirmed them.
    later = ann.send_message("ben", "later").consistency_token
    assert _read(ann, service) == [*sent, later]
    clock.now += 1
    assert _read(ann, service) == [later]
    clock.now += 59
    assert _read(ann, service) == []
    assert "Prefer" not in service.requests[-1].headers


def test_a_query_that_failed_confirms_nothing(ann: MessagingClient, service: FakeService) -> None:
    sent = ann.send_message("ben", "hello").consistency_token
    service.mischief = lambda _request, _serve: problem(422, "invalid-fields")
    with pytest.raises(Exception, match="invalid-fields"):
        ann.unread()
    service.mischief = lambda request, serve: serve(request)
    assert _read(ann, service) == [sent]


def test_what_is_written_while_a_query_is_under_way_is_kept(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    ann.send_message("ben", "before")

    def write_meanwhile(request: httpx.Request, serve: Handler) -> httpx.Response:
        ann._caller.memory.remember("meanwhile")
        return serve(request)

    service.mischief = write_meanwhile
    ann.unread()
    service.mischief = lambda request, serve: serve(request)
    clock.now += 60
    assert _read(ann, service) == ["meanwhile"]


def test_the_tokens_of_others_go_along_each_time(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    sent = ann.send_message("ben", "hello").consistency_token
    assert _read(ann, service, "x, y") == ["x", "y", sent]
    assert _read(ann, service, f"{sent},x") == [sent, "x"]
    clock.now += 60
    assert _read(ann, service, "x") == ["x"]


def test_no_more_tokens_are_sent_than_fit(ann: MessagingClient, service: FakeService) -> None:
    own = [ann.send_message("ben", str(number)).consistency_token for number in range(48)]
    others = [f"other-{number}" for number in range(MOST_TOKENS)]
    assert _read(ann, service, ",".join(others[:20])) == [*others[:20], *own[-44:]]
    assert _read(ann, service, ",".join(others)) == others
    with pytest.raises(ValueError, match="at most 64"):
        ann.unread(token=",".join([*others, "one more"]))


def test_the_memory_is_bounded_and_keeps_the_newest() -> None:
    memory = TokenMemory(3)
    for number in range(1_000):
        memory.remember(f"t{number}")
    memory.remember("t997,t1000")
    assert memory.tokens() == ("t999", "t997", "t1000")
    memory.forget(["t999", "unknown"])
    assert len(memory) == 2
    memory.remember("")
    assert len(memory) == 2


def test_what_was_confirmed_makes_room_first() -> None:
    clock = Clock()
    memory = TokenMemory(3, kept_s=60, clock=clock)
    memory.remember("a,b,c")
    memory.confirm(["b", "unknown"])
    memory.remember("d")
    assert memory.tokens() == ("a", "c", "d")
    memory.confirm(["a"])
    clock.now += 40
    memory.confirm(["a", "c"])
    clock.now += 20
    assert memory.tokens() == ("c", "d")
    memory.remember("c")  # The same command again: it is to be confirmed anew.
    clock.now += 1_000
    assert memory.tokens() == ("d", "c")


def test_it_can_be_turned_off(ann: MessagingClient, connect: Connect, service: FakeService) -> None:
    client = connect(freshness=Freshness(remembered=0))
    client.login("ann", "secret of ann")
    client.send_message("ben", "hello")
    assert _read(client, service) == []


@pytest.mark.parametrize(
    "figures", [{"remembered": 65}, {"remembered": -1}, {"wait_s": 11}, {"kept_s": -1}]
)
def test_figures_out_of_bounds_are_refused(figures: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is 0 "):
        Freshness(**figures)


def test_what_is_not_yet_visible_is_asked_for_again(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    ann.send_message("ben", "hello")
    service.lag = 2
    assert ann.unread().total == 0
    assert clock.pauses == [1.1, 1.2]
    assert all(_tokens(request) for request in service.asked("/query/v1/unread"))


def test_what_does_not_become_visible_is_told(
    ann: MessagingClient, service: FakeService, clock: Clock
) -> None:
    ann.send_message("ben", "hello")
    service.lag = 1_000
    began = clock.now
    with pytest.raises(NotYetVisibleError):
        ann.unread()
    assert 20 < clock.now - began <= 30


def test_tokens_of_a_queue_that_was_lost_are_forgotten(
    ann: MessagingClient, service: FakeService
) -> None:
    def lost(request: httpx.Request, serve: Handler) -> httpx.Response:
        is_old = any(token.startswith("token-") for token in _tokens(request))
        return problem(400, "consistency-token-invalid") if is_old else serve(request)

    ann.send_message("ben", "hello")
    service.mischief = lost
    assert _read(ann, service, "good") == ["good"]
    assert _read(ann, service) == []
    with pytest.raises(ConsistencyTokenInvalidError):
        ann.unread(token="token-of-another")
