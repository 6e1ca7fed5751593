"""The command API without its neighbours: a guard that believes every token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from command_api.app import create_app
from command_api.handlers.context import Tools
from command_api.routes.requests import TOOLS
from command_api.settings import CommandSettings
from events.append import RateLimit
from events.contracts.envelope import Envelope
from events.contracts.offsets import START
from events.queue import EventQueue
from runtime.ids import AccountId, Partition, SessionId, new_id
from runtime.settings import (
    BrokerSettings,
    DatabaseSettings,
    QueueSettings,
    RedisSettings,
    Secret,
)
from tests.servers import Servers
from web.app import ApiSettings
from web.guard import Guard, Identity, VerifiedToken

# Nothing listens there.
NOWHERE = Servers(postgres_port=1, valkey_port=1)
GENEROUS = RateLimit(per_second=100_000, burst=100_000)


class BelievesAll:
    """A verifier whose tokens are account ids."""

    def verify(self, token: str) -> VerifiedToken:
        identity = Identity(AccountId(UUID(token)), SessionId(new_id()))
        return VerifiedToken(identity, float("inf"))


class NobodyRevoked:
    def is_revoked(self, session_id: SessionId) -> bool:
        return False


def queued(queue: EventQueue) -> list[Envelope]:
    return [
        Envelope.decode(entry.envelope)
        for partition in queue.partitions
        for entry in queue.read(Partition(partition), after=START, limit=1_000)
    ]


def only(queue: EventQueue) -> Envelope:
    (envelope,) = queued(queue)
    return envelope


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.json is not None
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    return answer.status_code, answer.json["type"].removeprefix("/problems/")


def accepted(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    assert answer.json is not None
    return dict(answer.json)


@dataclass(frozen=True, kw_only=True)
class Commands:
    """A client of the command API, as one account."""

    app: Flask
    account: AccountId

    @property
    def tools(self) -> Tools:
        tools: Tools = self.app.extensions[TOOLS]
        return tools

    def call(
        self, method: str, path: str, *, key: str | None = None, **kwargs: Any
    ) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.account}", **kwargs.pop("headers", {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.app.test_client().open(
            f"/command/v1/{path}", method=method, headers=headers, **kwargs
        )

    def send(self, to: str, body: str = "Hello", *, key: str | None = None) -> TestResponse:
        return self.call("POST", "messages", key=key, json={"to": to, "body": body})

    def batch(self, *commands: object, key: str | None = None) -> TestResponse:
        return self.call("POST", "batch", key=key, json={"commands": commands})


def settings_for(
    servers: Servers,
    queue: QueueSettings,
    rate: RateLimit,
    query_url: str = "http://127.0.0.1:1/query/v1",
) -> CommandSettings:
    secret = Secret("not a secret")
    return CommandSettings(
        api=ApiSettings(
            service="command_api",
            log_level="CRITICAL",
            public_url="http://127.0.0.1:8080",
            title="Messaging: commands",
        ),
        database=DatabaseSettings(url=servers.database_url("command_api"), password=secret),
        redis=RedisSettings(url=servers.redis_url(), password=secret),
        broker=BrokerSettings(url=servers.redis_url(1), password=secret),
        queue=queue,
        rate=rate,
        jwks_url="http://127.0.0.1:1/",
        consistency_key=secret,
        query_url=query_url,
    )


def commands_of(
    account: AccountId,
    servers: Servers,
    queue: QueueSettings,
    *,
    rate: RateLimit = GENEROUS,
    **more: str,
) -> Commands:
    guard = Guard(BelievesAll(), NobodyRevoked())
    app = create_app(settings_for(servers, queue, rate, **more), guard=guard)
    return Commands(app=app, account=account)
