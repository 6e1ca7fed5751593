"""A third account, with every id, token, cursor and word of two others, sees and changes nothing.

The requests are generated from the OpenAPI documents of the running services: a route, parameter
or field of which this test knows nothing makes it fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import httpx
import pytest

from tests.acceptance.foreign import Foreign, Request, outcome, requests
from tests.acceptance.operations import Operation, operations
from tests.acceptance.past import World, foreign_in, make_world
from tests.acceptance.people import WAIT, Person, effect_of, registering
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack

# Whether a name or an address is taken is told to everybody who registers.
_TELLS = {"register": {409}}
_NOTHING = {400, 401, 403, 404, 422}
_STREAM = "text/event-stream"


@pytest.fixture(scope="module")
def world(stack: RunningStack) -> Iterator[World]:
    with registering(stack) as register:
        yield make_world(register)


@pytest.fixture(scope="module")
def foreign(world: World) -> Foreign:
    return foreign_in(world)


def test_every_route_is_blank_for_a_stranger(world: World, foreign: Foreign) -> None:
    before = world.view()
    tried = 0
    for operation in answering(world):
        stranger = world.register("stranger")
        for request in requests(operation, foreign):
            _check(stranger, operation, request, foreign)
            tried += 1
    assert tried > 300
    assert world.view() == before


def test_the_same_requests_show_their_owner_something(world: World, foreign: Foreign) -> None:
    reading = [
        operation
        for operation in answering(world)
        if operation.method == "GET" and not operation.public
    ]
    assert len(reading) >= 9
    for operation in reading:
        answers = (request.send(world.alice.http) for request in requests(operation, foreign))
        assert any(
            answer.status_code == 200 and any(secret in answer.text for secret in foreign.secrets)
            for answer in answers
        ), operation


def test_anothers_idempotency_key_is_ones_own(world: World) -> None:
    path, body = f"messages/{world.message_ids[0]}", {"body": "Whoever says it"}
    key = {"Idempotency-Key": f"key-{world.words[0]}"}
    stranger = world.register("stranger")
    authors = world.alice.command("PATCH", path, body, **key)
    strangers = stranger.command("PATCH", path, body, **key)
    assert "Idempotent-Replayed" not in strangers.headers
    assert strangers.json()["event_id"] != authors.json()["event_id"]
    assert world.alice.fate(authors) == ("applied", None)
    assert stranger.fate(strangers) == ("rejected", "message-not-found")


def test_what_others_do_does_not_touch_a_strangers_answers(world: World) -> None:
    stranger = world.register("stranger")
    paths = ["unread", "conversations", f"conversations/{world.bob.username}/messages"]
    tags = {path: stranger.http.get(f"/query/v1/{path}").headers["ETag"] for path in paths}
    sent = world.alice.send(world.bob, "Not for you")
    gone = world.alice.command("DELETE", f"messages/{sent.json()['message_id']}")
    for path, tag in tags.items():
        headers = effect_of(sent, gone) | {"If-None-Match": tag}
        assert stranger.http.get(f"/query/v1/{path}", headers=headers).status_code == 304, path


def test_a_stranger_hears_nothing_of_others(world: World) -> None:
    streams = [o for o in operations(world.alice.http) if _STREAM in o.answers]
    assert streams
    stranger = world.register("stranger")
    for operation in streams:
        with listening(world.alice, operation) as heard:
            world.alice.send(world.bob, "Between us")
            lines = list(until("Between us", heard))
        last = next(line for line in reversed(lines) if line.startswith("id:"))
        with listening(stranger, operation) as heard:
            world.bob.send(world.alice, "Still between us")
            world.quiet.send(stranger, "For a stranger")
            told = "\n".join(until("For a stranger", heard))
        assert "etween us" not in told
        assert not [s for s in (*world.words, *world.message_ids) if s in told]
        headers = {"Accept": _STREAM, "Last-Event-ID": last.removeprefix("id:").strip()}
        refused = stranger.http.get(operation.path, headers=headers)
        assert refused.status_code == 400
        assert refused.json()["type"] == "/problems/last-event-id-invalid"


@contextmanager
def listening(
    person: Person, operation: Operation, headers: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Iterator[str]]:
    """Give the lines of a stream of server-sent events."""
    given = {"Accept": _STREAM, **headers}
    with person.http.stream(operation.method, operation.path, headers=given) as answer:
        assert answer.status_code == 200, answer.read()
        yield answer.iter_lines()


def until(text: str, lines: Iterator[str]) -> Iterator[str]:
    """Give lines up to the end of the event that holds `text`."""
    met = False
    for line in lines:
        yield line
        met = met or text in line
        if met and not line:
            return


def answering(world: World) -> list[Operation]:
    """Return the operations that answer at once, not as a stream."""
    return [o for o in operations(world.alice.http) if _STREAM not in o.answers]


def _check(stranger: Person, operation: Operation, request: Request, foreign: Foreign) -> None:
    answer = request.send(stranger.http)
    place = f"{operation} {request.chosen} {request.body}: {answer.status_code} {answer.text}"
    said = request.text()
    told = f"{answer.headers} {answer.text}"
    assert not [s for s in foreign.secrets if s in told and s not in said], place
    if operation.name in _TELLS:
        assert answer.status_code in _TELLS[operation.name], place
        return
    fates = _fates(stranger, answer)
    if request.names(foreign, "message_id"):
        assert answer.status_code in _NOTHING or _is_empty(answer) or fates, place
    if "message_id" in f"{operation.path}":
        assert set(fates) <= {("rejected", "message-not-found")}, place
    nobodys = request.of_nobody(foreign)
    if nobodys == request:
        return
    same = nobodys.send(stranger.http)
    assert outcome(answer) == outcome(same), f"{place} but {same.text}"
    assert fates == _fates(stranger, same), place


def _is_empty(answer: httpx.Response) -> bool:
    body = answer.json()
    return answer.status_code == 200 and body == {"items": [], "next": None, "prev": None}


def _fates(person: Person, answer: httpx.Response) -> list[tuple[str, str | None]]:
    """Return what becomes of the commands that were accepted."""
    if answer.status_code != 202:
        return []
    body = answer.json()
    links = (
        f"/query/v1/events/{one['event_id']}?token={one['consistency_token']}"
        for one in body.get("results", [body])
        if "event_id" in one
    )
    told = (person.http.get(link, headers=WAIT).json() for link in links)
    return [(one["status"], one.get("reason")) for one in told]
