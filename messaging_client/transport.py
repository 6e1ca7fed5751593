"""Sends calls over HTTP, tries them again as `Retries` say, and turns refusals into errors."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from messaging_client.errors import (
    ConnectionFailedError,
    MessagingError,
    UnexpectedAnswerError,
    problem_of,
)
from messaging_client.retries import Attempts, Retries

VERSION = "0.1.0"
_NOT_MODIFIED = 304


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that may be sent more than once.

    Attributes:
        method: The HTTP method.
        path: The path, or a link that an answer gave.
        params: The query; None where the path has it.
        json: The body; None for none. Not shown: it may hold a password.
        headers: Beside those that every request has. Not shown: they may hold tokens.
        longer_s: How much longer than usual the answer may take, because it was asked to wait.
    """

    method: str
    path: str
    params: Mapping[str, str | int] | None = None
    json: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    longer_s: float = 0.0


def http_client(
    base_url: str, *, timeout_s: float = 30.0, connections: int = 32, trust_env: bool = True
) -> httpx.Client:
    """Return an HTTP client that any number of `MessagingClient`s may share.

    It keeps no cookies: these belong to one session each.

    Args:
        base_url: The service's address, such as `http://127.0.0.1:8080`.
        timeout_s: The longest silence while an answer is awaited.
        connections: How many requests may be under way at once.
        trust_env: Whether proxies are taken from the environment.
    """
    return httpx.Client(
        base_url=base_url,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(timeout_s, connect=min(5.0, timeout_s)),
        trust_env=trust_env,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        headers={"User-Agent": f"messaging-client/{VERSION}"},
    )


class Transport:
    """Sends calls by an HTTP client."""

    def __init__(self, http: httpx.Client, retries: Retries) -> None:
        """Send by `http`, and again as `retries` say."""
        self.http = http
        self.retries = retries

    def attempts(self) -> Attempts:
        """Return the count of one call's attempts."""
        return Attempts(self.retries)

    def send(self, call: Call, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Return the successful answer to `call`, or a 304.

        Raises:
            ProblemError: The service refused it.
            ConnectionFailedError: No answer came for too long.
        """
        attempts = self.attempts()
        request_id = uuid.uuid4().hex
        try:
            while True:
                try:
                    return self._send_once(call, {**(headers or {}), "X-Request-ID": request_id})
                except MessagingError as error:
                    attempts.wait(error)
        finally:
            attempts.end()

    def _send_once(self, call: Call, headers: Mapping[str, str]) -> httpx.Response:
        try:
            answer = self.http.request(
                call.method,
                call.path,
                params=call.params,
                json=call.json,
                headers={**headers, **call.headers},
                timeout=self._timeout(call),
            )
        except httpx.RequestError as error:
            raise connection_failed(call, error, headers["X-Request-ID"]) from error
        if answer.is_success or answer.status_code == _NOT_MODIFIED:
            return answer
        raise problem_of(answer)

    def _timeout(self, call: Call) -> httpx.Timeout:
        usual = self.http.timeout
        if not call.longer_s or usual.read is None:
            return usual
        return httpx.Timeout(
            connect=usual.connect,
            read=usual.read + call.longer_s,
            write=usual.write,
            pool=usual.pool,
        )


def connection_failed(
    call: Call, cause: httpx.RequestError, request_id: str
) -> ConnectionFailedError:
    """Return the error for a call that got no answer."""
    reason = str(cause) or type(cause).__name__
    error = ConnectionFailedError(reason, asked=f"{call.method} {call.path.partition('?')[0]}")
    error.request_id = request_id
    return error


def document(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a successful answer.

    Raises:
        UnexpectedAnswerError: It has none.
    """
    try:
        value = json.loads(answer.content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        error = UnexpectedAnswerError(f"The answer {answer.status_code} holds no JSON object.")
        error.request_id = answer.headers.get("X-Request-ID", "")
        raise error
    return value
