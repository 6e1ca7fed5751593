"""What a handler knows beside its command: who gives it, in which request, with which tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from command_api.directory import Directory
from command_api.outcomes import Outcomes
from events.append import Idempotency, RateLimit
from events.queue import EventQueue
from runtime.clock import Clock
from runtime.ids import AccountId, EventId, Partition
from web.consistency import ConsistencyTokens

Wake = Callable[[Partition, EventId], None]


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What all handlers work with, wired once.

    Attributes:
        queue: Takes the events.
        directory: Knows the accounts.
        tokens: Writes consistency tokens.
        rate: What each account may send.
        wake: Wakes the projector of a partition because of an event; never fails.
        clock: Tells the time.
        outcomes: Knows what became of commands, for clients that wait.
    """

    queue: EventQueue
    directory: Directory
    tokens: ConsistencyTokens
    rate: RateLimit
    wake: Wake
    clock: Clock
    outcomes: Outcomes


@dataclass(frozen=True, kw_only=True)
class Context:
    """The circumstances of one request.

    Attributes:
        actor: The account whose commands these are.
        request_id: The request's `X-Request-ID`.
        traceparent: Its W3C Trace Context, where the client sent one.
        idempotency: Its idempotency key, where the client gave one.
        tools: What to serve it with.
    """

    actor: AccountId
    request_id: str
    traceparent: str | None
    idempotency: Idempotency | None
    tools: Tools
