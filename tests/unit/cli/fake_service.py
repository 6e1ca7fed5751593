"""A messaging service in memory, spoken to over HTTP by a transport of httpx; it can misbehave."""

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

Handler = Callable[[httpx.Request], httpx.Response]
# Takes a request and what serves it; may refuse, or lose the answer.
Mischief = Callable[[httpx.Request, Handler], httpx.Response]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def problem(status: int, slug: str, **headers: str) -> httpx.Response:
    body = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": f"{slug}!"}
    return httpx.Response(status, json=body, headers=headers)


def _parts(request: httpx.Request) -> list[str]:
    path = request.url.raw_path.decode().partition("?")[0]
    return [*map(unquote, path.split("/")[1:]), ""]


class FakeService:
    """Accounts, sessions, messages; all applied at once unless `lag` says otherwise."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.emails: set[str] = set()
        self.conversations: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        self.requests: list[str] = []
        self.logins = 0
        self.mischief: Mischief = lambda request, serve: serve(request)
        # How many reads with a token are answered "not yet visible".
        self.lag = 0
        self._answers: dict[tuple[str, str], dict[str, Any]] = {}
        self._access: dict[str, str] = {}
        self._refresh: dict[str, tuple[str, str]] = {}
        self._numbers = itertools.count(1)
        # Its clock ticks with every message.
        self.now = EPOCH
        self._lock = threading.Lock()

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def expire_all_tokens(self) -> None:
        self._access.clear()

    def end_all_sessions(self) -> None:
        self._access.clear()
        self._refresh.clear()

    def count(self, path: str) -> int:
        return sum(one == path for one in self.requests)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request.url.path)
            return self.mischief(request, self._serve)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        prefix, _, *rest = _parts(request)
        if prefix == "readyz":
            date = "Thu, 01 Jan 2026 00:00:00 GMT"
            return httpx.Response(200, json={"status": "ready"}, headers={"Date": date})
        if prefix == "auth":
            return self._serve_auth(rest[0], request)
        me = self._access.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if me is None:
            return problem(401, "token-invalid")
        if prefix == "command":
            return self._send(me, request)
        return self._query(me, rest, request)

    def _serve_auth(self, what: str, request: httpx.Request) -> httpx.Response:
        if what == "token":
            return self._renew(request)
        body = json.loads(request.content)
        return self._register(body) if what == "register" else self._login(body)

    def _register(self, body: dict[str, str]) -> httpx.Response:
        if body["username"] in self.passwords:
            return problem(409, "username-taken")
        if body["email"] in self.emails:
            return problem(409, "email-taken")
        self.passwords[body["username"]] = body["password"]
        self.emails.add(body["email"])
        return httpx.Response(201, json={"username": body["username"]})

    def _login(self, body: dict[str, str]) -> httpx.Response:
        if self.passwords.get(body["username"]) != body["password"]:
            return problem(401, "login-failed")
        self.logins += 1
        return self._grant(body["username"])

    def _renew(self, request: httpx.Request) -> httpx.Response:
        cookie = request.headers.get("Cookie", "").removeprefix("refresh_token_cookie=")
        username, csrf = self._refresh.pop(cookie, ("", ""))
        if not username or request.headers["X-CSRF-TOKEN"] != csrf:
            return problem(401, "session-revoked")
        return self._grant(username)

    def _grant(self, username: str) -> httpx.Response:
        number = next(self._numbers)
        access, refresh, csrf = f"access-{number}", f"refresh-{number}", f"csrf-{number}"
        self._access[access] = username
        self._refresh[refresh] = (username, csrf)
        headers = [
            ("Set-Cookie", f"refresh_token_cookie={refresh}; HttpOnly; Path=/auth/v1"),
            ("Set-Cookie", f"csrf_refresh_token={csrf}; Path=/"),
        ]
        return httpx.Response(
            200, json={"access_token": access, "expires_in": 300}, headers=headers
        )

    def _send(self, me: str, request: httpx.Request) -> httpx.Response:
        key = (me, request.headers["Idempotency-Key"])
        if key in self._answers:
            return httpx.Response(202, json=self._answers[key])
        body = json.loads(request.content)
        if body["to"] not in self.passwords:
            return problem(404, "recipient-unknown")
        answer = self.store(me, body["to"], body["body"])
        self._answers[key] = answer
        return httpx.Response(202, json=answer)

    def store(self, sender: str, recipient: str, body: str) -> dict[str, Any]:
        """Apply a message."""
        number = next(self._numbers)
        self.now += timedelta(seconds=1)
        messages = self.conversations[tuple(sorted((sender, recipient)))]
        message = {
            "id": f"message-{number}",
            "position": len(messages) + 1,
            "from": sender,
            "to": recipient,
            "body": body,
            "sent_at": self.now.isoformat(),
            "read_at": None,
        }
        messages.append(message)
        return {"message_id": message["id"], "consistency_token": f"token-{number}"}

    def _query(self, me: str, rest: list[str], request: httpx.Request) -> httpx.Response:
        if self.lag and "Consistency-Token" in request.headers:
            self.lag -= 1
            return problem(503, "not-yet-visible")
        mine = {pair: found for pair, found in self.conversations.items() if me in pair}
        match rest[:-1]:
            case ["conversations"]:
                items = [self._listed(me, pair, found) for pair, found in mine.items()]
                return httpx.Response(200, json={"items": items, "next": None, "prev": None})
            case ["unread"]:
                counts = [sum(one["to"] == me for one in found) for found in mine.values()]
                unread = {"total": sum(counts), "conversations": [{} for one in counts if one]}
                return httpx.Response(200, json=unread)
            case ["conversations", peer, "messages"]:
                return self._page(self.conversations[tuple(sorted((me, peer)))], request)
        return problem(404, "not-found")

    def _listed(self, me: str, pair: tuple[str, ...], found: list[Any]) -> dict[str, Any]:
        return {
            "with": pair[0] if pair[1] == me else pair[1],
            "last_position": len(found),
            "unread_count": sum(one["to"] == me for one in found),
        }

    def _page(self, messages: list[dict[str, Any]], request: httpx.Request) -> httpx.Response:
        query = request.url.params
        limit, before = int(query["limit"]), int(query.get("before", 10**9))
        older = [one for one in messages if one["position"] < before]
        items, prev = older[-limit:], None
        if len(older) > limit:
            prev = f"{request.url.path}?limit={limit}&before={items[0]['position']}"
        return httpx.Response(200, json={"items": items, "next": None, "prev": prev})
