"""The query API without its neighbours: events applied as a worker does it, no queue, no login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from events import checkpoints
from events.checkpoints import Checkpoint
from events.contracts.accounts import AccountDeleted
from events.contracts.base import Event, PoisonEventError
from events.contracts.conversations import ConversationRead
from events.contracts.envelope import Envelope
from events.contracts.messages import Audience, MessageDeleted, MessageEdited, MessageSent
from events.contracts.offsets import Offset
from events.entries import Entry
from query_api.app import create_app
from query_api.settings import ReadinessSettings, Settings, StreamSettings, WaitSettings
from runtime.clock import utc_now
from runtime.ids import (
    AccountId,
    Epoch,
    EventId,
    MessageId,
    Partition,
    SessionId,
    conversation_of,
    new_id,
    new_message_id,
)
from runtime.settings import DatabaseSettings, RedisSettings, Secret
from tests.servers import Servers
from web.app import ApiSettings
from web.consistency import ConsistencyToken, ConsistencyTokens
from web.guard import Identity, VerifiedToken
from workers.batch import apply_batch
from workers.parking import Poison

PARTITIONS = 16
EPOCH = Epoch(7)
KEY = Secret("not a secret")
TOKENS = ConsistencyTokens(KEY)


def settings_for(
    servers: Servers,
    *,
    redis_port: int | None = None,
    stream: StreamSettings | None = None,
    wait: WaitSettings | None = None,
) -> Settings:
    secret = Secret("-")
    redis_url = f"redis://default@127.0.0.1:{redis_port or servers.valkey_port}/0"
    return Settings(
        api=ApiSettings(
            service="query_api",
            log_level="CRITICAL",
            public_url="http://127.0.0.1:8080",
            title="Messaging: queries",
        ),
        database=DatabaseSettings(url=servers.database_url("query_api"), password=secret),
        database_pool=4,
        redis=RedisSettings(url=redis_url, password=secret),
        jwks_url="http://127.0.0.1:1/",
        consistency_key=KEY,
        readiness=ReadinessSettings(
            auth_url="http://127.0.0.1:1/",
            command_url="http://127.0.0.1:1/",
            stream_url="http://127.0.0.1:1/",
        ),
        stream=stream or StreamSettings(),
        wait=wait or WaitSettings(),
    )


class BelievesAll:
    """A verifier whose tokens are an account's id, and the session's where it matters."""

    def verify(self, token: str) -> VerifiedToken:
        account, _, session = token.partition("/")
        identity = Identity(AccountId(UUID(account)), SessionId(UUID(session or account)))
        return VerifiedToken(identity, float("inf"))


def app_for(
    servers: Servers,
    *,
    redis_port: int | None = None,
    stream: StreamSettings | None = None,
    wait: WaitSettings | None = None,
) -> Flask:
    settings = settings_for(servers, redis_port=redis_port, stream=stream, wait=wait)
    return create_app(settings, verifier=BelievesAll())


@dataclass(frozen=True, kw_only=True)
class Applied:
    """An event that the log knows."""

    event_id: EventId
    token: ConsistencyToken

    @property
    def header(self) -> dict[str, str]:
        """What makes a query show the event's effect."""
        return {"Consistency-Token": TOKENS.encode(self.token)}


@dataclass(frozen=True, kw_only=True)
class Sent(Applied):
    message_id: MessageId


class World:
    """What happens in the database, event by event."""

    def __init__(self, worker: Engine, superuser: Engine) -> None:
        self._worker = worker
        self._superuser = superuser
        self._ms = int(utc_now().timestamp() * 1000)
        with worker.begin() as transaction:
            checkpoints.create(transaction, range(PARTITIONS), now=utc_now())
        self.sql(
            "INSERT INTO event_log.queue_epoch VALUES (1, :epoch, :partitions, now())"
            " ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch",
            epoch=EPOCH,
            partitions=PARTITIONS,
        )

    def sql(self, statement: str, **values: object) -> None:
        with self._superuser.begin() as connection:
            connection.execute(text(statement), values)

    def register(self, username: str) -> AccountId:
        account = AccountId(new_id())
        self.sql(
            "INSERT INTO identity.account (id, username, email, email_key, password_hash,"
            " created_at) VALUES (:id, :name, :id, :id, '-', now())",
            id=account,
            name=username,
        )
        return account

    def unregister(self, account: AccountId) -> None:
        self.sql(
            "UPDATE identity.account SET deleted_at = now(), username = CAST(id AS text)"
            " WHERE id = :id",
            id=account,
        )

    def send(
        self,
        sender: AccountId,
        recipient: AccountId,
        body: str = "Hello",
        subject: str | None = None,
    ) -> Sent:
        conversation = conversation_of(sender, recipient)
        event = MessageSent(
            message_id=new_message_id(conversation),
            conversation_id=conversation,
            recipient_id=recipient,
            body=body,
            subject=subject,
        )
        applied = self.apply(event, sender)
        return Sent(event_id=applied.event_id, token=applied.token, message_id=event.message_id)

    def delete(self, actor: AccountId, message: Sent, audience: Audience = "everyone") -> Applied:
        event = MessageDeleted(message_id=message.message_id, audience=audience)
        return self.apply(event, actor)

    def edit(self, actor: AccountId, message: Sent, body: str) -> Applied:
        return self.apply(
            MessageEdited(message_id=message.message_id, changes={"body": body}), actor
        )

    def read(self, actor: AccountId, peer: AccountId, up_to: int) -> Applied:
        conversation = conversation_of(actor, peer)
        return self.apply(
            ConversationRead(conversation_id=conversation, peer_id=peer, up_to=up_to), actor
        )

    def erase(self, account: AccountId) -> None:
        """Delete an account, in all partitions as a worker does."""
        for partition in range(PARTITIONS):
            event = AccountDeleted(
                account_id=account,
                in_partition=Partition(partition),
                of_partitions=PARTITIONS,
                ordered_by="owner",
            )
            self.apply(event, account)

    def apply(
        self, event: Event, actor: AccountId, *, poison: PoisonEventError | None = None
    ) -> Applied:
        pending = self.accept(event, actor)
        self.project(event, actor, pending, poison=poison)
        return pending

    def accept(self, event: Event, actor: AccountId) -> Applied:
        """Say of an event what a 202 says; nothing knows it yet."""
        self._ms += 1
        token = ConsistencyToken(
            epoch=EPOCH,
            partition=event.partition(PARTITIONS),
            offset=Offset(self._ms, 0),
            event_id=EventId(new_id()),
            account_id=actor,
        )
        return Applied(event_id=token.event_id, token=token)

    def project(
        self,
        event: Event,
        actor: AccountId,
        pending: Applied,
        *,
        poison: PoisonEventError | None = None,
    ) -> None:
        envelope = Envelope(id=pending.event_id, event=event, actor_id=actor, occurred_at=utc_now())
        self.enter(pending.token, envelope.encode(), poison=poison)

    def enter(
        self, token: ConsistencyToken, entry: bytes, *, poison: PoisonEventError | None = None
    ) -> None:
        """Apply an entry of the queue, readable or not."""
        partition = Partition(token.partition)
        with self._worker.begin() as transaction:
            known = checkpoints.lock(transaction, partition)
            assert known is not None
            number = known.number + 1
            found = [Entry(offset=token.offset, number=number, envelope=entry)]
            why = Poison(error=poison) if poison else None
            apply_batch(transaction, partition, found, now=utc_now(), poison=why)
            reached = Checkpoint(partition=partition, offset=token.offset, number=number)
            checkpoints.advance(transaction, reached, now=utc_now())


@dataclass(frozen=True, kw_only=True)
class Queries:
    """A client of the query API, as one account."""

    app: Flask
    account: AccountId
    username: str

    def call(self, path: str, *, method: str = "GET", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address = path if path.startswith("/") else f"/query/v1/{path}"
        return self.app.test_client().open(
            address,
            method=method,
            headers={"Authorization": f"Bearer {self.account}", **named},
        )

    def get(self, path: str, **headers: str) -> Any:
        """Return what a query that must succeed shows."""
        answer = self.call(path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    def positions(self, path: str) -> list[int]:
        return [item["position"] for item in self.get(path)["items"]]


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.json is not None
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    return answer.status_code, answer.json["type"].removeprefix("/problems/")
