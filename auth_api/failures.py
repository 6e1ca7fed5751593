"""Limits on failed logins, for an account and from an address, counted in Redis."""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from auth_api.errors import TooManyFailuresError
from auth_api.settings import FailureLimits
from runtime.errors import UnavailableError
from runtime.logging import get_logger
from runtime.meters import count

_log = get_logger(__name__)

# How long a login waits for others under way, which may succeed and make room.
_PATIENCE_S = 1.0
_PAUSE_S = 0.05
# No attempt takes as long. So long nobody else may try in the place of a process that was killed.
_LONGEST_ATTEMPT_S = 60


@dataclass(frozen=True, kw_only=True)
class _Counter:
    """Two numbers in Redis: the attempts under way, and those that failed within the window."""

    key: str
    limit: int

    @property
    def trying_key(self) -> str:
        return f"{self.key}:trying"

    @property
    def failed_key(self) -> str:
        return f"{self.key}:failed"


class Attempt:
    """A login under way: it has taken a place in both counters until it is known how it ends."""

    def __init__(self) -> None:
        """Begin undecided."""
        self.succeeded: bool | None = None


class LoginFailures:
    """Counts failed logins, exactly even when many come at once.

    An attempt takes its place before the password is looked at, so no burst slips through between
    counting and checking; a place is given back unless the attempt fails.
    """

    def __init__(
        self,
        client: redis.Redis,
        limits: FailureLimits,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Count in `client` and refuse beyond `limits`."""
        self._redis = client
        self._limits = limits
        self._sleep = sleep

    @contextmanager
    def attempt(self, *, username: str, address: str) -> Iterator[Attempt]:
        """Let one login try its password; it says by `succeeded` how that went.

        Raises:
            TooManyFailuresError: Too many have failed already.
            UnavailableError: Redis is away: without counting, nobody may try.
        """
        account = _Counter(key=_account_key(username), limit=self._limits.account)
        source = _Counter(key=_address_key(address), limit=self._limits.address)
        try:
            self._take_places((account, source))
            attempt = Attempt()
            try:
                yield attempt
            finally:
                self._settle(attempt, account, source)
        except redis.RedisError as error:
            raise UnavailableError("Failed logins cannot be counted just now.") from error

    def _take_places(self, counters: tuple[_Counter, ...]) -> None:
        waited = 0.0
        while True:
            full, failed_enough, retry_after = self._take(counters)
            if not full:
                return
            self._give_back(counters)
            if failed_enough or waited >= _PATIENCE_S:
                _log.warning("login.limited", retry_after=retry_after)
                count("messaging_logins_total", "limited")
                raise TooManyFailuresError(retry_after)
            self._sleep(_PAUSE_S)
            waited += _PAUSE_S

    def _take(self, counters: tuple[_Counter, ...]) -> tuple[bool, bool, int]:
        with self._redis.pipeline(transaction=True) as pipe:
            for counter in counters:
                self._add(pipe, counter.trying_key, 1)
                pipe.expire(counter.trying_key, _LONGEST_ATTEMPT_S)
                pipe.get(counter.failed_key)
                pipe.ttl(counter.failed_key)
            answers = pipe.execute()
        full = failed_enough = False
        retry_after = 1
        for counter, answer in zip(counters, _by_five(answers), strict=True):
            _, trying, _, found, ttl = answer
            failed = int(found or 0)
            full |= trying + failed > counter.limit
            if failed >= counter.limit:
                failed_enough = True
                retry_after = max(retry_after, ttl)
        return full, failed_enough, retry_after

    def _settle(self, attempt: Attempt, account: _Counter, source: _Counter) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            for counter in (account, source):
                self._add(pipe, counter.trying_key, -1)
                if attempt.succeeded is False:
                    self._add(pipe, counter.failed_key, 1)
            if attempt.succeeded:
                pipe.delete(account.failed_key)
            pipe.execute()

    def _give_back(self, counters: tuple[_Counter, ...]) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            for counter in counters:
                self._add(pipe, counter.trying_key, -1)
            pipe.execute()

    def _add(self, pipe: Any, key: str, amount: int) -> None:  # redis-py types pipelines loosely
        # Created with its time to live and counted in one transaction: no key can stay for ever.
        pipe.set(key, 0, ex=self._limits.window, nx=True)
        pipe.incrby(key, amount)


def _by_five(answers: list[Any]) -> list[tuple[Any, ...]]:
    return [tuple(answers[start : start + 5]) for start in range(0, len(answers), 5)]


def _account_key(username: str) -> str:
    # A digest bounds the key's length, and names nobody to who reads Redis.
    digest = hashlib.sha256(username.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"failures:account:{digest}"


def _address_key(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "failures:address:unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        # Who has one IPv6 address has a whole /64 of them.
        return f"failures:address:{ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"failures:address:{parsed}"
