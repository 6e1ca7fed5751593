"""What no schema can say: names, ids, tokens and cursors that are real, put into good requests."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.generation.meta import TestPhase

from tests.fuzzing.documents import REQUEST_ID
from tests.fuzzing.people import PASSWORD, PEER, People, Person

# A word that messages of the account hold, so that a search for it has several pages.
_WORD = "schemathesis"
_KEY = "Idempotency-Key"
_TOKEN = "Consistency-Token"
_REQUEST_IDS = ("my-client.4711_a", "x" * 128, "x" * 129, "a b", "", '"', "A" * 1000)
# Of so many good requests one keeps what was generated; the others get what is real.
_KEPT_OF = 3


class RealValues:
    """Replaces generated values by real ones, where all of their place is meant to be good."""

    def __init__(self, client: httpx.Client, people: People) -> None:
        """Send the messages that there have to be."""
        self._client = client
        self._people = people
        self._numbers = itertools.count()
        self._request_ids = itertools.cycle(_REQUEST_IDS)
        me, peer = people.current(), people.login(PEER)
        for _ in range(3):  # So that something is unread.
            self._send(peer, me.name)
        first, second = self._send(me, PEER), self._send(me, people.new().name)
        self._message_id = first["message_id"]
        self._event_id, self._token = second["event_id"], second["consistency_token"]
        # What a link may have put into a request already.
        self._tokens = {self._token}
        self._pages = {
            "/query/v1/conversations": self._second_page("/query/v1/conversations", {}),
            "/query/v1/search": self._second_page("/query/v1/search", {"q": _WORD}),
        }

    def put_into(self, case: Case[Any]) -> None:
        """Change `case`, which is about to be sent."""
        # Any is taken: one that is not well-formed is replaced.
        case.headers.setdefault(REQUEST_ID, next(self._request_ids))
        if good(case, ParameterLocation.HEADER):
            self._headers(case)
        if good(case, ParameterLocation.QUERY):
            self._query(case)
        linked = case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL
        # A link gives the path of the object that it is about.
        if not linked and good(case, ParameterLocation.PATH) and self._chance():
            self._path(case)
        if isinstance(case.body, dict) and good(case, ParameterLocation.BODY):
            self._body(case)

    def remember(self, response: Response) -> None:
        """Take note of the token in an answer."""
        self._tokens.update(response.headers.get(_TOKEN.lower(), ()))

    def _chance(self) -> bool:
        return next(self._numbers) % _KEPT_OF != 0

    def _headers(self, case: Case[Any]) -> None:
        # The same key with another payload is refused: each command gets a key of its own.
        if _KEY in case.headers:
            case.headers[_KEY] = _unique(str(case.headers[_KEY]))
        # A token is authenticated: only the service can make one.
        if case.headers.get(_TOKEN, self._token) not in self._tokens:
            case.headers[_TOKEN] = self._token

    def _query(self, case: Case[Any]) -> None:
        if case.query.get("token", self._token) not in self._tokens:
            case.query["token"] = self._token
            case.path_parameters["event_id"] = self._event_id
        # A cursor is authenticated, and belongs to one list.
        if "cursor" in case.query:
            case.query.pop("with", None)
            case.query.update(self._pages[case.operation.path])

    def _path(self, case: Case[Any]) -> None:
        real: dict[str, str] = {"username": PEER, "message_id": self._message_id}
        for name in case.path_parameters.keys() & real.keys():
            case.path_parameters[name] = real[name]

    def _body(self, case: Case[Any]) -> None:
        body: dict[str, Any] = case.body  # type: ignore[assignment]  # put_into has looked
        if not self._chance():
            return
        change = _BODIES.get(f"{case.method} {case.operation.path}")
        if change is not None:
            case.body = {**body, **change(body)}

    def _send(self, sender: Person, to: str) -> dict[str, Any]:
        who = _authorization(sender)
        body = {"to": to, "body": f"{_WORD} says hello"}
        answer = self._client.post("/command/v1/messages", json=body, headers=who)
        status = self._client.get(
            answer.raise_for_status().headers["Location"], headers={**who, "Prefer": "wait=10"}
        )
        assert status.json()["status"] == "applied", status.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    def _second_page(self, path: str, query: Mapping[str, str]) -> Mapping[str, str]:
        headers = {**_authorization(self._people.current()), _TOKEN: self._token}
        answer = self._client.get(path, params={**query, "limit": "1"}, headers=headers)
        following = httpx.URL(answer.raise_for_status().json()["next"]).params
        return {**query, "cursor": following["cursor"]}


def good(case: Case[Any], location: ParameterLocation) -> bool:
    """Return whether a place of the request is meant to follow its schema."""
    return case.meta is not None and not case.meta.is_negative_at(location)


def _authorization(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


def _unique(key: str) -> str:
    """Return a key of the same form and, if it is long enough, length that nobody has used."""
    own = secrets.token_hex(16)
    if key.startswith('"'):
        return f'"{own}{key[33:]}' if len(key) > 34 and "\\" not in key else f'"{own}"'
    return own + key[32:]


def _nobody(body: Mapping[str, Any]) -> dict[str, str]:
    name = f"new-{secrets.token_hex(8)}"
    return {"username": name, "email": f"{name}@example.org"}


_BODIES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, str]]] = {
    "POST /auth/v1/register": _nobody,
    "POST /auth/v1/login": lambda _body: {"username": PEER, "password": PASSWORD},
    "POST /auth/v1/password": lambda _body: {"current_password": PASSWORD},
    "DELETE /auth/v1/me": lambda _body: {"password": PASSWORD},
    "POST /command/v1/messages": lambda _body: {"to": PEER},
}
