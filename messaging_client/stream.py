"""What happens in one's conversations, as it is applied: without loss, across reconnections.

What could not be applied in its turn and was retried by an operator is seen by queries alone.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import httpx

from messaging_client.caller import Caller, bearer, understood
from messaging_client.errors import MessagingError, UnexpectedAnswerError, problem_of
from messaging_client.models import Json, Message
from messaging_client.sse import EventParser, ServerSentEvent
from messaging_client.transport import Call, connection_failed

_CALL = Call(method="GET", path="/query/v1/stream")
# After an orderly end, unless the server says otherwise.
_RECONNECT_S = 1.0
_NO_CONTENT = 204
_UNAUTHORIZED = 401


@dataclass(frozen=True, kw_only=True)
class MessageUpdate:
    """A message was sent, edited or deleted; `message` is it as one may see it now."""

    id: str
    type: Literal["message.sent", "message.edited", "message.deleted"]
    message: Message


@dataclass(frozen=True, kw_only=True)
class ReadUpdate:
    """`reader`, one of the two, has read a conversation up to `read_position`."""

    id: str
    type: Literal["conversation.read"]
    conversation_id: UUID
    peer: str | None
    reader: str | None
    read_position: int


Update = MessageUpdate | ReadUpdate


class Stream:
    """The updates, from `last_event_id` on; iterating connects, and again when it breaks.

    Attributes:
        last_event_id: Up to where updates have been given; keep it to resume later.
    """

    def __init__(self, caller: Caller, *, last_event_id: str = "", idle_s: float = 60.0) -> None:
        """Begin after `last_event_id`, now if it is empty; see `MessagingClient.stream`."""
        self.last_event_id = last_event_id
        self._caller = caller
        self._idle_s = idle_s
        self._refused: str | None = None
        self._is_over = False
        self._pause_s = 0.0

    def __iter__(self) -> Iterator[Update]:
        """Yield update after update; ends only when the server says that there will be no more.

        Raises:
            UnauthorizedError: The session has ended.
            MessagingError: The stream cannot be had, for as long as `Retries` allow.
        """
        transport = self._caller.transport
        attempts = transport.attempts()
        try:
            while not self._is_over:
                try:
                    for update in self._connection():
                        # Whatever arrives shows that the outage is over.
                        attempts.end()
                        attempts = transport.attempts()
                        if update is not None:
                            yield update
                    if not self._is_over:
                        transport.retries.sleep(self._pause_s)
                except MessagingError as error:
                    attempts.wait(error)
        finally:
            attempts.end()

    def _connection(self) -> Iterator[Update | None]:
        """Yield the updates of one connection, and None for whatever else arrives."""
        access_token = self._caller.session.access_token(refused=self._refused)
        with self._answer(access_token) as answer:
            if answer.status_code == _UNAUTHORIZED and self._refused is None:
                # Once more with another token.
                self._refused, self._pause_s = access_token, 0.0
                return
            self._refused = None
            self._is_over = answer.status_code == _NO_CONTENT
            if not self._is_over:
                _check(answer)
                yield from self._updates(answer)

    def _updates(self, answer: httpx.Response) -> Iterator[Update | None]:
        parser = EventParser(self.last_event_id)
        for chunk in answer.iter_bytes():
            yield None
            for event in parser.feed(chunk):
                self.last_event_id = event.id
                yield update_of(event)
            self.last_event_id = parser.last_event_id
        self._pause_s = _RECONNECT_S if parser.retry_s is None else parser.retry_s

    @contextmanager
    def _answer(self, access_token: str) -> Iterator[httpx.Response]:
        headers = {
            **bearer(access_token),
            "Accept": "text/event-stream",
            "X-Request-ID": uuid.uuid4().hex,
        }
        if self.last_event_id:
            headers["Last-Event-ID"] = self.last_event_id
        http = self._caller.transport.http
        usual = http.timeout
        timeout = httpx.Timeout(
            connect=usual.connect, read=self._idle_s, write=usual.write, pool=usual.pool
        )
        try:
            with http.stream(_CALL.method, _CALL.path, headers=headers, timeout=timeout) as answer:
                yield answer
        except httpx.RequestError as error:
            raise connection_failed(_CALL, error, headers["X-Request-ID"]) from error


def update_of(event: ServerSentEvent) -> Update | None:
    """Return what an event tells; None if this client does not know its type.

    Raises:
        UnexpectedAnswerError: Its data are not as the contract says.
    """
    match event.type:
        case "message.sent" | "message.edited" | "message.deleted" as kind:
            message = understood(Message.of, _data(event))
            return MessageUpdate(id=event.id, type=kind, message=message)
        case "conversation.read":
            return understood(lambda told: _read_update(event.id, told), _data(event))
    return None


def _read_update(event_id: str, told: Json) -> ReadUpdate:
    return ReadUpdate(
        id=event_id,
        type="conversation.read",
        conversation_id=UUID(told["conversation_id"]),
        peer=told["with"],
        reader=told["reader"],
        read_position=told["read_position"],
    )


def _data(event: ServerSentEvent) -> Json:
    try:
        data = json.loads(event.data)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise UnexpectedAnswerError(f"The data of an event {event.type} are no JSON object.")
    return data


def _check(answer: httpx.Response) -> None:
    """Raise the problem of a refusal, and an error for what is no stream."""
    if not answer.is_success:
        answer.read()
        raise problem_of(answer)
    if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise UnexpectedAnswerError("The answer is no stream of events.")
