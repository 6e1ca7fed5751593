"""A Redis that comes back without its data: what has ended stays ended, what lives goes on."""

from __future__ import annotations

import secrets

import httpx
import pytest

from tests.running_stack import RunningStack, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

_GUARDED = (("GET", "/auth/v1/me"), ("GET", "/query/v1/unread"), ("POST", "/command/v1/batch"))


def log_in(client: httpx.Client, account: dict[str, str]) -> str:
    token: str = client.post("/auth/v1/login", json=account).json()["access_token"]
    return token


def epoch(stack: RunningStack) -> int:
    return int(str(stack.redis("worker").hget("queue:state", "epoch")))


def statuses(client: httpx.Client, token: str) -> set[int]:
    """Return how the three services answer; a good token's empty batch is 422."""
    headers = {"Authorization": f"Bearer {token}"}
    return {
        client.request(
            method, path, headers=headers, json={} if method == "POST" else None
        ).status_code
        for method, path in _GUARDED
    }


def test_an_ended_session_stays_ended_though_redis_lost_everything(fragile: RunningStack) -> None:
    name = f"lost-{secrets.token_hex(4)}"
    account = {"username": name, "password": "correct horse"}
    with httpx.Client(base_url=fragile.url, timeout=30) as client:
        client.post("/auth/v1/register", json={**account, "email": f"{name}@example.org"})
        ended, live = log_in(client, account), log_in(client, account)
        client.post("/auth/v1/logout", headers={"Authorization": f"Bearer {ended}"})
        wait_until(lambda: statuses(client, ended) == {401})
        before = epoch(fragile)
        (fragile.servers / "redis/appendonlydir").rename(fragile.state / f"lost-{name}")
        fragile.kill("redis")

        def goes_on() -> bool:
            assert statuses(client, ended) <= {401, 503}
            return statuses(client, live) == {200, 422}

        wait_until(goes_on, 90)
        assert statuses(client, ended) == {401}
        assert epoch(fragile) > before  # It was another Redis indeed.
