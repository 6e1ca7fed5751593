"""Speaks HTTP to the service, patiently: what may have been an outage is tried again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from cli.demo.errors import DemoError

# Requests that fail for this long in a row are given up.
PATIENCE_S = 180.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 3.0
_LONGEST_OUTAGE_PAUSE_S = 10.0
# A longer Retry-After is no rate limit but a lock, as after too many failed logins.
_LONGEST_RETRY_AFTER_S = 60.0
# More than there are threads.
_CONNECTIONS = 32
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that may be sent more than once: its path, and what goes with it.

    Problems of the types `refusals` are answers, even where their status speaks of an outage.
    """

    method: str
    path: str
    json: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str | int] | None = None
    refusals: frozenset[str] = frozenset()


class ApiError(DemoError):
    """The service refused a request for good."""

    def __init__(self, request: Request, answer: httpx.Response, *, tried_before: bool) -> None:
        """Say what was asked and what the answer's problem document tells.

        Args:
            request: What was asked.
            answer: The refusal.
            tried_before: Whether an earlier attempt failed, which may have had its effect.
        """
        problem = _problem(answer)
        self.status = answer.status_code
        self.slug = _slug(problem)
        self.tried_before = tried_before
        detail = problem.get("detail") or problem.get("title") or answer.reason_phrase
        errors = f" {problem['errors']}" if "errors" in problem else ""
        asked = f"{request.method} {request.path}"
        super().__init__(f"{asked} was answered {self.status}: {detail}{errors}")


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _slug(problem: Mapping[str, Any]) -> str:
    return str(problem.get("type", "")).rpartition("/")[2]


@dataclass(kw_only=True)
class Troubles:
    """Counts what went wrong and was mended by trying again; tells it to `tell`, "" when over."""

    tell: Callable[[str], None] = lambda _text: None
    retries: int = 0
    limited: int = 0
    _waiting: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def limit(self) -> None:
        """Note that a rate limit held a request up."""
        with self._lock:
            self.limited += 1

    def outage(self, reason: str, *, first: bool) -> None:
        """Note that a request failed and will be tried again."""
        with self._lock:
            self.retries += 1
            self._waiting += first
        self.tell(reason)

    def over(self) -> None:
        """Note that a request that had failed has got its answer, or was given up."""
        with self._lock:
            self._waiting -= 1
            done = not self._waiting
        if done:
            self.tell("")


class _Outage:
    """The time in which one request fails again and again; it may never begin."""

    def __init__(
        self,
        request: Request,
        troubles: Troubles,
        *,
        pause: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._request = request
        self._troubles = troubles
        self._pause = pause
        self._clock = clock
        self._seconds = _FIRST_PAUSE_S
        self.began: float | None = None

    def wait(self, reason: str, retry_after: float) -> None:
        """Wait a while after a failure, longer each time.

        Raises:
            DemoError: It has failed for too long.
        """
        now = self._clock()
        self._troubles.outage(reason, first=self.began is None)
        self.began = now if self.began is None else self.began
        if now - self.began > PATIENCE_S:
            self._troubles.over()
            raise DemoError(
                f"{self._request.method} {self._request.path} failed for {PATIENCE_S:.0f} s:"
                f" {reason}. See `messaging status` and `messaging logs`."
            )
        # Not all at once, or they would arrive together again.
        backing_off = self._seconds * random.uniform(0.5, 1)  # noqa: S311  # no secret
        self._pause(max(min(retry_after, _LONGEST_OUTAGE_PAUSE_S), backing_off))
        self._seconds = min(2 * self._seconds, _LONGEST_PAUSE_S)

    def end(self) -> None:
        """Note that there is an answer."""
        if self.began is not None:
            self._troubles.over()


class Client:
    """Sends requests and tries them again while the service is away or asks to wait.

    Any number of threads may share it. Whoever sends a request must see to it that sending it
    twice does no harm.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        troubles: Troubles,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Send by `http`; wait by `pause`, which may raise to end the waiting."""
        self._http = http
        self.troubles = troubles
        self._pause = pause
        self._clock = clock

    def send(self, request: Request) -> httpx.Response:
        """Return the successful answer to `request`.

        Raises:
            ApiError: The service refused it.
            DemoError: The service could not be reached for too long.
        """
        outage = _Outage(request, self.troubles, pause=self._pause, clock=self._clock)
        while True:
            response, reason = self._attempt(request)
            if response is None or reason:
                outage.wait(reason, _retry_after(response))
            elif response.status_code == 429:
                self._wait_for_limit(request, response)
            else:
                outage.end()
                if not response.is_success:
                    tried_before = outage.began is not None
                    raise ApiError(request, response, tried_before=tried_before)
                return response

    def _attempt(self, request: Request) -> tuple[httpx.Response | None, str]:
        """Return what was answered, and why to try again, if so."""
        try:
            response = self._http.request(
                request.method,
                request.path,
                json=request.json,
                headers=request.headers,
                params=request.params,
            )
        except httpx.TransportError as error:
            return None, str(error) or type(error).__name__
        if response.status_code < 500:
            return response, ""
        problem = _problem(response)
        if _slug(problem) in request.refusals:
            return response, ""
        return response, f"{response.status_code} {problem.get('detail', response.reason_phrase)}"

    def _wait_for_limit(self, request: Request, response: httpx.Response) -> None:
        seconds = _retry_after(response)
        if seconds > _LONGEST_RETRY_AFTER_S:
            raise ApiError(request, response, tried_before=False)
        self.troubles.limit()
        # Not all at once, or they would be refused together again.
        self._pause(max(seconds, 0.1) * random.uniform(0.8, 1.2))  # noqa: S311  # no secret


def _retry_after(response: httpx.Response | None) -> float:
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isascii() and text.isdecimal() else 0.0


def connect(url: str, *, trust_environment: bool) -> httpx.Client:
    """Return an HTTP client of the service at `url`; it keeps no cookies."""
    # Cookies are each account's own: a jar that all accounts share would mix them up.
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(
        base_url=url,
        cookies=no_cookies,
        timeout=_TIMEOUT,
        trust_env=trust_environment,
        limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
    )
