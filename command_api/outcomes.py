"""Asks the query API, for the author of a command, what became of it.

So this service needs no right to read messages: who waits for one reads it by the token at hand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import httpx
import orjson

from runtime.ids import EventId, MessageId
from runtime.logging import get_logger

_log = get_logger(__name__)

# Whoever waits holds a thread of this process, and one of the query API's; beyond half of ours the
# next is answered at once.
MOST_WAITING = 4
# The query API answers by the end of the time that it is given; this is for the way there and back.
_GRACE_S = 2.0
# Once the event is applied, its message is there; another replica may be a little behind.
_LEAST_WAIT_S = 1


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to look for: the message of a command, once that is applied.

    Attributes:
        event_id: The command's event.
        message_id: The message that it speaks of.
        consistency_token: What the command was answered with.
        seconds: How long to wait, at least 1.
        authorization: The author's Authorization header.
        request_id: The request's `X-Request-ID`.
    """

    event_id: EventId
    message_id: MessageId
    consistency_token: str
    seconds: int
    authorization: str
    request_id: str


class Outcomes(Protocol):
    """Knows what became of commands."""

    def message(self, question: Question) -> bytes | None:
        """Return the message as JSON once its command is applied; None if that cannot be told."""


class QueryApi:
    """Asks the query API over HTTP; whatever goes wrong there, nothing can be told."""

    def __init__(
        self,
        url: str,
        *,
        most_waiting: int = MOST_WAITING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask the query API at `url`; connect when first asked."""
        # A proxy from the environment has no business between two services of ours.
        self._client = httpx.Client(base_url=url, trust_env=False)
        self._waiting = threading.BoundedSemaphore(most_waiting)
        self._clock = clock

    def message(self, question: Question) -> bytes | None:
        """Return the message as JSON once its command is applied; None if that cannot be told."""
        if not self._waiting.acquire(blocking=False):
            return None
        try:
            return self._message(question)
        except (httpx.HTTPError, ValueError) as error:
            _log.warning("outcome.unknown", reason=type(error).__name__, cause=str(error))
            return None
        finally:
            self._waiting.release()

    def _message(self, question: Question) -> bytes | None:
        deadline = self._clock() + question.seconds
        event = self._get(
            f"/events/{question.event_id}",
            question,
            seconds=question.seconds,
            params={"token": question.consistency_token},
        )
        if event is None or orjson.loads(event).get("status") != "applied":
            return None
        return self._get(
            f"/messages/{question.message_id}",
            question,
            seconds=max(_LEAST_WAIT_S, int(deadline - self._clock())),
            headers={"Consistency-Token": question.consistency_token},
        )

    def _get(
        self,
        path: str,
        question: Question,
        *,
        seconds: int,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes | None:
        answer = self._client.get(
            path,
            params=params,
            timeout=seconds + _GRACE_S,
            headers={
                **(headers or {}),
                "Authorization": question.authorization,
                "Prefer": f"wait={seconds}",
                "X-Request-ID": question.request_id,
            },
        )
        return answer.content if answer.status_code == 200 else None
