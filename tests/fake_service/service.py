"""Accounts, sessions, messages; all applied at once unless `lag` says otherwise."""

from __future__ import annotations

import itertools
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx

from tests.fake_service import answers
from tests.fake_service.answers import problem

Handler = Callable[[httpx.Request], httpx.Response]
# Takes a request and what serves it; may refuse, or lose the answer.
Mischief = Callable[[httpx.Request, Handler], httpx.Response]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def _parts(request: httpx.Request) -> list[str]:
    path = request.url.raw_path.decode().partition("?")[0]
    return [*map(unquote, path.split("/")[1:]), ""]


class FakeService:
    """Serves what a client of one or more accounts asks for; any number of threads may ask."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.emails: set[str] = set()
        self.conversations: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        self.requests: list[httpx.Request] = []
        self.logins = 0
        self.mischief: Mischief = lambda request, serve: serve(request)
        # How many reads with a token are answered "not yet visible".
        self.lag = 0
        # Its clock ticks with every message.
        self.now = EPOCH
        self._answers: dict[tuple[str, str], httpx.Response] = {}
        self._access: dict[str, str] = {}
        self._refresh: dict[str, tuple[str, str]] = {}
        self._numbers = itertools.count(10)
        self._lock = threading.Lock()

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def expire_all_tokens(self) -> None:
        self._access.clear()

    def end_all_sessions(self) -> None:
        self._access.clear()
        self._refresh.clear()

    def asked(self, path: str) -> list[httpx.Request]:
        return [one for one in self.requests if one.url.path == path]

    def count(self, path: str) -> int:
        return len(self.asked(path))

    def store(self, sender: str, recipient: str, body: str) -> dict[str, Any]:
        """Apply a message; return what its sender is answered."""
        number = next(self._numbers)
        self.now += timedelta(seconds=1)
        messages = self.conversations[tuple(sorted((sender, recipient)))]
        sent = {"from": sender, "to": recipient, "body": body}
        messages.append(answers.message(number, len(messages) + 1, sent, self.now))
        return answers.accepted(number, answers.uuid(number), self.now)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            return self.mischief(request, self._serve)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        prefix, _, *rest = _parts(request)
        if prefix == "readyz":
            date = "Thu, 01 Jan 2026 00:00:00 GMT"
            return httpx.Response(200, json={"status": "ready"}, headers={"Date": date})
        if prefix == "auth" and rest[0] in {"register", "login", "token"}:
            return self._serve_anybody(rest[0], request)
        me = self._access.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if me is None:
            return problem(401, "token-invalid")
        if prefix == "auth":
            return self._own(me, request.method, rest[0])
        if prefix == "command":
            return self._once(me, request)
        return self._query(me, rest, request)

    def _serve_anybody(self, what: str, request: httpx.Request) -> httpx.Response:
        if what == "token":
            return self._renew(request)
        body = json.loads(request.content)
        return self._register(body) if what == "register" else self._login(body)

    def _own(self, me: str, method: str, what: str) -> httpx.Response:
        match method, what:
            case "GET", "me":
                return httpx.Response(200, json=answers.account(me, self.now))
            case ("POST", "logout") | ("DELETE", "sessions"):
                self.end_all_sessions()
                return httpx.Response(204)
            case "POST", "password":
                return httpx.Response(204)
            case "DELETE", "me":
                del self.passwords[me]
                self._access.clear()
                return httpx.Response(
                    202, json=answers.accepted(next(self._numbers), None, self.now)
                )
        return problem(404, "not-found")

    def _register(self, body: dict[str, str]) -> httpx.Response:
        if body["username"] in self.passwords:
            return problem(409, "username-taken")
        if body["email"] in self.emails:
            return problem(409, "email-taken")
        self.passwords[body["username"]] = body["password"]
        self.emails.add(body["email"])
        return httpx.Response(201, json=answers.account(body["username"], self.now))

    def _login(self, body: dict[str, str]) -> httpx.Response:
        if self.passwords.get(body["username"]) != body["password"]:
            return problem(401, "login-failed")
        self.logins += 1
        return self._grant(body["username"])

    def _renew(self, request: httpx.Request) -> httpx.Response:
        cookie = request.headers.get("Cookie", "").removeprefix("refresh_token_cookie=")
        username, csrf = self._refresh.get(cookie, ("", ""))
        if not username or request.headers["X-CSRF-TOKEN"] != csrf:
            return problem(401, "session-revoked")
        if username not in self.passwords:
            return problem(401, "refresh-token-invalid")
        return self._grant(username)

    def _grant(self, username: str) -> httpx.Response:
        number = next(self._numbers)
        self._access[f"access-{number}"] = username
        self._refresh[f"refresh-{number}"] = (username, f"csrf-{number}")
        return answers.granted(number)

    def _once(self, me: str, request: httpx.Request) -> httpx.Response:
        """Obey a command, unless one with this key was obeyed already."""
        key = (me, request.headers["Idempotency-Key"])
        if key not in self._answers:
            answer = self._obey(me, request)
            if not answer.is_success:
                return answer
            self._answers[key] = answer
            return answer
        first = self._answers[key]
        headers = {**first.headers, "Idempotent-Replayed": "true"}
        return httpx.Response(first.status_code, content=first.content, headers=headers)

    def _obey(self, me: str, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or b"{}")
        if request.url.path == "/command/v1/messages" and body["to"] not in self.passwords:
            return problem(404, "recipient-unknown")
        if "commands" in body:
            each = [self.store(me, one["to"], one["body"]) for one in body["commands"]]
            tokens = ",".join(one["consistency_token"] for one in each)
            headers = {"Consistency-Token": tokens}
            return httpx.Response(202, json={"results": each}, headers=headers)
        if "to" in body:
            answer = self.store(me, body["to"], body["body"])
        else:
            what, which = request.url.path.split("/")[-2:]
            message_id = which if what == "messages" else None
            answer = answers.accepted(next(self._numbers), message_id, self.now)
        headers = {"Consistency-Token": answer["consistency_token"]}
        return httpx.Response(202, json=answer, headers=headers)

    def _query(self, me: str, rest: list[str], request: httpx.Request) -> httpx.Response:
        if self.lag and "Consistency-Token" in request.headers:
            self.lag -= 1
            return problem(503, "not-yet-visible", **{"Retry-After": "1"})
        mine = {pair: found for pair, found in self.conversations.items() if me in pair}
        match rest[:-1]:
            case ["conversations"]:
                items = [answers.listed(me, pair, found) for pair, found in mine.items()]
                return httpx.Response(200, json={"items": items, "next": None, "prev": None})
            case ["unread"]:
                counts = [sum(one["to"] == me for one in found) for found in mine.values()]
                each = {"with": "somebody", "unread_count": 1, "first_unread_position": 1}
                unread = {"total": sum(counts), "conversations": [each for one in counts if one]}
                return httpx.Response(200, json=unread)
            case ["conversations", peer, "messages"]:
                return answers.page(self.conversations[tuple(sorted((me, peer)))], request)
        return problem(404, "not-found")
