"""How the service in memory writes its answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import httpx


def problem(status: int, slug: str, **headers: str) -> httpx.Response:
    body = {
        "type": f"/problems/{slug}",
        "title": slug,
        "status": status,
        "detail": f"{slug}!",
        "request_id": f"request-{slug}",
    }
    return httpx.Response(status, json=body, headers=headers)


def uuid(number: int) -> str:
    """Return the id of the thing of this number."""
    return str(UUID(int=number))


def granted(number: int) -> httpx.Response:
    """Return the answer to a login or a refresh."""
    headers = [
        ("Set-Cookie", f"refresh_token_cookie=refresh-{number}; HttpOnly; Path=/auth/v1"),
        ("Set-Cookie", f"csrf_refresh_token=csrf-{number}; Path=/"),
    ]
    body = {"access_token": f"access-{number}", "token_type": "Bearer", "expires_in": 300}
    return httpx.Response(200, json=body, headers=headers)


def account(username: str, now: datetime) -> dict[str, Any]:
    return {
        "id": uuid(hash(username) & 0xFFFF),
        "username": username,
        "email": f"{username}@example.org",
        "created_at": now.isoformat(),
    }


def accepted(number: int, message_id: str | None, now: datetime) -> dict[str, Any]:
    return {
        "event_id": uuid(number),
        **({"message_id": message_id} if message_id else {}),
        "status": "accepted",
        "accepted_at": now.isoformat(),
        "consistency_token": f"token-{number}",
    }


def message(number: int, position: int, sent: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "id": uuid(number),
        "conversation_id": uuid(1),
        "position": position,
        "from": sent["from"],
        "to": sent["to"],
        "subject": sent.get("subject"),
        "body": sent["body"],
        "sent_at": now.isoformat(),
        "edited_at": None,
        "deleted_at": None,
        "read_at": None,
    }


def listed(me: str, pair: tuple[str, ...], found: list[Any]) -> dict[str, Any]:
    return {
        "conversation_id": uuid(1),
        "with": pair[0] if pair[1] == me else pair[1],
        "last_message": found[-1] if found else None,
        "last_position": len(found),
        "unread_count": sum(one["to"] == me for one in found),
        "read_position": 0,
        "peer_read_position": 0,
    }


def page(messages: list[dict[str, Any]], request: httpx.Request) -> httpx.Response:
    """Return the messages that the request's bounds leave, with links."""
    query = request.url.params
    limit, after = int(query["limit"]), int(query.get("after", 0))
    before = int(query.get("before", 10**9))
    within = [one for one in messages if after < one["position"] < before]
    items = within[:limit] if "after" in query else within[-limit:]
    first, last = (items[0]["position"], items[-1]["position"]) if items else (1, before)
    total = len(messages)
    link = f"{request.url.path}?limit={limit}"
    body = {
        "items": items,
        "next": f"{link}&after={last}" if items and last < total else None,
        "prev": f"{link}&before={first}" if items and first > 1 else None,
    }
    return httpx.Response(200, json=body)
