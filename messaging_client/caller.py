"""Sends calls in the name of the session, and queries so that they show what it has written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx

from messaging_client.caching import AnswerCache
from messaging_client.consistency import MOST_TOKENS, Freshness, TokenMemory, split
from messaging_client.errors import (
    ConsistencyTokenInvalidError,
    MessagingError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from messaging_client.models import Json
from messaging_client.session import Credentials, Session
from messaging_client.transport import Call, Transport, document

T = TypeVar("T")
_TOKEN_HEADER = "Consistency-Token"  # noqa: S105  # a header's name
_LONGEST_WAIT_S = 10
_NOT_MODIFIED = 304


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query.

    Attributes:
        path: The path, or a link that an answer gave.
        params: The query part; None where the path has it.
        token: Consistency tokens of others, comma-separated, whose effect shall be shown too.
        wait_s: How long the service may wait for that; None: as `Freshness` says.
    """

    path: str
    params: Mapping[str, str | int] | None = None
    token: str | None = None
    wait_s: int | None = None

    @property
    def address(self) -> str:
        """What tells it from other questions."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The JSON object that answers a question, and the tokens whose effect it shows."""

    document: Json
    tokens: str


class Caller:
    """What all calls of a client share."""

    def __init__(self, transport: Transport, freshness: Freshness, cache: AnswerCache) -> None:
        """Send by `transport`, without a session at first."""
        self.transport = transport
        self.session = Session(transport)
        self.memory = TokenMemory(
            freshness.remembered, kept_s=freshness.kept_s, clock=transport.retries.clock
        )
        self._freshness = freshness
        self._cache = cache

    def log_in(self, credentials: Credentials, *, remember: bool) -> None:
        """Start a session; what was remembered for the one before is forgotten."""
        self.session.log_in(credentials, remember=remember)
        self._forget_answers()

    def log_out(self) -> None:
        """Forget the session and all that was learnt in it."""
        self.session.forget()
        self._forget_answers()

    def send(self, call: Call) -> httpx.Response:
        """Return the successful answer to a call in the session's name.

        Raises:
            UnauthorizedError: The session has ended.
            MessagingError: As `Transport.send` says.
        """
        access_token = self._access_token()
        try:
            return self.transport.send(call, bearer(access_token))
        except UnauthorizedError as error:
            tried_before = error.tried_before
        # It was revoked, or the clocks differ: once more with another.
        access_token = self._access_token(refused=access_token, tried_before=tried_before)
        try:
            return self.transport.send(call, bearer(access_token))
        except MessagingError as error:
            error.tried_before |= tried_before
            raise

    def command(self, call: Call) -> httpx.Response:
        """Return the answer to a command, and remember its tokens for the next queries."""
        answer = self.send(call)
        self.memory.remember(answer.headers.get(_TOKEN_HEADER, ""))
        return answer

    def ask(self, question: Question) -> Answer:
        """Return the answer to a query, which shows what this client has written.

        Raises:
            NotYetVisibleError: It did not become visible in time.
            MessagingError: As `send` says.
        """
        others = split(question.token or "")
        if len(others) > MOST_TOKENS:
            raise ValueError(f"at most {MOST_TOKENS} consistency tokens fit into one query")
        room = MOST_TOKENS - len(others)
        mine = tuple(token for token in self.memory.tokens() if token not in others)
        own = mine[-room:] if room else ()
        try:
            return self._ask(question, (*others, *own))
        except ConsistencyTokenInvalidError:
            if not own:
                raise
        # They are from an event queue that was lost since: nothing can be waited for any more.
        self.memory.forget(own)
        return self._ask(question, others)

    def ask_plainly(self, question: Question) -> Answer:
        """Return the answer to a query as it is just now, whatever this client has written."""
        return self._ask(question, ())

    def _ask(self, question: Question, tokens: Sequence[str]) -> Answer:
        kept = self._cache.get(question.address)
        headers = {"If-None-Match": kept.etag} if kept else {}
        wait_s = question.wait_s
        if tokens:
            headers[_TOKEN_HEADER] = ",".join(tokens)
            wait_s = self._freshness.wait_s if wait_s is None else wait_s
        if wait_s is not None:
            headers["Prefer"] = f"wait={wait_s}"
        call = Call(
            method="GET",
            path=question.path,
            params=question.params,
            headers=headers,
            longer_s=wait_s or 0,
        )
        answer = self.send(call)
        self.memory.confirm(tokens)
        if answer.status_code == _NOT_MODIFIED and kept is not None:
            answer = httpx.Response(200, content=kept.content)
        else:
            self._cache.keep(question.address, answer.headers.get("ETag"), answer.content)
        return Answer(document=document(answer), tokens=",".join(tokens))

    def _access_token(self, *, refused: str | None = None, tried_before: bool = False) -> str:
        try:
            return self.session.access_token(refused=refused)
        except MessagingError as error:
            # What was tried to renew the token says nothing of the call that needs it.
            error.tried_before = tried_before
            raise

    def _forget_answers(self) -> None:
        self.memory.clear()
        self._cache.clear()


def bearer(access_token: str) -> dict[str, str]:
    """Return the header that carries an access token."""
    return {"Authorization": f"Bearer {access_token}"}


def understood(read: Callable[[Json], T], item: Any) -> T:
    """Return what `read` makes of a document.

    Raises:
        UnexpectedAnswerError: It lacks something, or has it in another form.
    """
    try:
        return read(item)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedAnswerError(f"An answer is not as the contract says: {error!r}.") from error


def checked_wait(seconds: int) -> int:
    """Return for how long to wait.

    Raises:
        ValueError: The service waits for 0 to 10 seconds.
    """
    if not 0 <= seconds <= _LONGEST_WAIT_S:
        raise ValueError(f"wait is 0 to {_LONGEST_WAIT_S} seconds, not {seconds}")
    return seconds


def followed(question: Question, link: str, tokens: str) -> Question:
    """Return the question for a neighbouring page, which shows no less than the page before.

    Raises:
        UnexpectedAnswerError: The link leads elsewhere, where no access token may go.
    """
    if not link.startswith("/") or link.startswith("//"):
        raise UnexpectedAnswerError("A link leads to another service.")
    return replace(question, path=link, params=None, token=tokens or None)


def segment(username: str) -> str:
    """Return a username as a part of a path.

    Raises:
        ValueError: It is none, and would lead elsewhere.
    """
    if username in {"", ".", ".."} or "/" in username:
        raise ValueError(f"{username!r} is no username")
    return quote(username, safe="")
