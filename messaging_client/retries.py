"""When a failed request is sent again: after exponential back-off with full jitter, or as told."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import httpx

from messaging_client.errors import (
    ConnectionFailedError,
    MessagingError,
    NotYetVisibleError,
    ProblemError,
    RateLimitedError,
)

_log = logging.getLogger("messaging_client")
# What another attempt may mend. 500 is among them: commands carry a key, so a repetition is safe.
_OUTAGES = frozenset({500, 502, 503, 504})
# No attempt sends a header with a line break, or finds an address without a scheme.
_UNSENDABLE = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)


class Trouble(Enum):
    """Why a request is sent again."""

    OUTAGE = "outage"
    RATE_LIMIT = "rate limit"
    NOT_YET_VISIBLE = "not yet visible"


@dataclass(frozen=True, kw_only=True)
class Retry:
    """A request failed and is sent again after a pause.

    Attributes:
        trouble: Of which kind the failure was.
        reason: The failure in words, without secrets.
        attempt: How many attempts there have been, from 1.
        pause_s: The pause in seconds.
    """

    trouble: Trouble
    reason: str
    attempt: int
    pause_s: float


def _unheard(_retry: Retry | None) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Retries:
    """For how long requests are tried again, in seconds, and how.

    Attributes:
        outage_s: How long one request may fail for want of an answer or with a 5xx. 0: not at all.
        rate_limit_s: How long one request may be held up by a rate limit.
        visibility_s: How long one query may wait for what the client wrote, beyond its `wait_s`.
        longest_retry_after_s: Told to wait longer, the client gives up at once: that is no rate
            limit but a lock, as after too many failed logins.
        first_pause_s: The longest pause after the first failure; it doubles with each.
        longest_pause_s: The longest pause that it grows to.
        clock: Tells seconds that only grow.
        sleep: Waits so many seconds; what it raises ends the call.
        uniform: Returns a random number between two others.
        on_retry: Is told before each pause, and with None when a call that had failed is over.
    """

    outage_s: float = 60.0
    rate_limit_s: float = 60.0
    visibility_s: float = 30.0
    longest_retry_after_s: float = 60.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False)
    on_retry: Callable[[Retry | None], None] = field(default=_unheard, repr=False)

    def patience_s(self, trouble: Trouble) -> float:
        """Return for how long trouble of this kind is borne."""
        return {
            Trouble.OUTAGE: self.outage_s,
            Trouble.RATE_LIMIT: self.rate_limit_s,
            Trouble.NOT_YET_VISIBLE: self.visibility_s,
        }[trouble]

    def pause_s(self, attempt: int, retry_after: float | None) -> float:
        """Return the pause after attempt number `attempt`, 1 for the first.

        Whoever was told to wait waits so long at least, and then not all come back at once.
        """
        ceiling = min(self.longest_pause_s, self.first_pause_s * 2.0 ** min(attempt - 1, 30))
        return (retry_after or 0.0) + self.uniform(0.0, ceiling)


NO_RETRIES = Retries(outage_s=0.0, rate_limit_s=0.0, visibility_s=0.0)


def trouble_of(error: MessagingError) -> Trouble | None:
    """Return what kind of passing trouble `error` is, None if another attempt cannot mend it."""
    match error:
        case ConnectionFailedError(__cause__=cause):
            return None if isinstance(cause, _UNSENDABLE) else Trouble.OUTAGE
        case NotYetVisibleError():
            return Trouble.NOT_YET_VISIBLE
        case RateLimitedError():
            return Trouble.RATE_LIMIT
        case ProblemError(status=status) if status in _OUTAGES:
            return Trouble.OUTAGE
    return None


class Attempts:
    """The attempts of one call, counted from the first failure on."""

    def __init__(self, retries: Retries) -> None:
        """Begin without a failure."""
        self._retries = retries
        self._failures = 0
        self._began: dict[Trouble, float] = {}

    @property
    def tried_before(self) -> bool:
        """Whether an attempt failed in a way that may have had its effect."""
        return Trouble.OUTAGE in self._began

    def wait(self, error: MessagingError) -> None:
        """Pause before the next attempt.

        Raises:
            MessagingError: `error` itself, where another attempt is no use or too late.
        """
        trouble = trouble_of(error)
        error.tried_before = self.tried_before
        if trouble is None:
            raise error
        retries = self._retries
        now = retries.clock()
        began = self._began.setdefault(trouble, now)
        self._failures += 1
        retry_after = error.retry_after if isinstance(error, ProblemError) else None
        pause = retries.pause_s(self._failures, retry_after)
        locked = (retry_after or 0.0) > retries.longest_retry_after_s
        if locked or now - began + pause >= retries.patience_s(trouble):
            raise error
        retry = Retry(trouble=trouble, reason=error.reason, attempt=self._failures, pause_s=pause)
        _log.debug("attempt %d failed (%s): pausing %.3f s", retry.attempt, retry.reason, pause)
        retries.on_retry(retry)
        retries.sleep(pause)

    def end(self) -> None:
        """Note that there will be no further attempt."""
        if self._failures:
            self._retries.on_retry(None)
