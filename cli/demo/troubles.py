"""What went wrong on the way and was mended by trying again, and for how long that is tried."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from cli.demo.errors import DemoError
from messaging_client import (
    Freshness,
    MessagingClient,
    MessagingError,
    Retries,
    Retry,
    Trouble,
    trouble_of,
)

# Requests that fail for this long in a row are given up.
PATIENCE_S = 180.0
# What was accepted has so long to become visible.
VISIBLE_WITHIN_S = 300.0
_LONGEST_PAUSE_S = 3.0
# Each conversation's own token goes with the queries that need it.
_FRESHNESS = Freshness(remembered=0, wait_s=10)


@dataclass(kw_only=True)
class Troubles:
    """Counts what went wrong and was mended by trying again; tells it to `tell`, "" when over."""

    tell: Callable[[str], None] = lambda _text: None
    retries: int = 0
    limited: int = 0
    _troubled: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, retry: Retry | None) -> None:
        """Note that a request of this thread is sent again; None when that is over."""
        thread = threading.get_ident()
        with self._lock:
            self.limited += retry is not None and retry.trouble is Trouble.RATE_LIMIT
            is_outage = retry is not None and retry.trouble is Trouble.OUTAGE
            self.retries += is_outage
            was_troubled = thread in self._troubled
            if is_outage:
                self._troubled.add(thread)
            elif retry is None:
                self._troubled.discard(thread)
            is_over = was_troubled and not self._troubled
        if retry is not None and is_outage:
            self.tell(retry.reason)
        elif is_over:
            self.tell("")


def client_factory(
    http: httpx.Client,
    troubles: Troubles,
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[], MessagingClient]:
    """Return what makes a client for one person; all of them share `http`.

    Args:
        http: Sends the requests.
        troubles: Is told of what is tried again.
        pause: Waits so many seconds; may raise to end the waiting.
        clock: Tells seconds that only grow.
    """
    retries = Retries(
        outage_s=PATIENCE_S,
        # However many people log in: everybody's turn comes.
        rate_limit_s=math.inf,
        visibility_s=VISIBLE_WITHIN_S,
        longest_pause_s=_LONGEST_PAUSE_S,
        clock=clock,
        sleep=pause,
        on_retry=troubles.note,
    )
    return lambda: MessagingClient(
        str(http.base_url), http=http, retries=retries, freshness=_FRESHNESS
    )


def explained(error: MessagingError) -> DemoError:
    """Return what ends the demo, for what ended a request of it."""
    if trouble_of(error) is not Trouble.OUTAGE:
        return DemoError(str(error))
    return DemoError(
        f"{error.asked} failed for {PATIENCE_S:.0f} s: {error.reason}."
        " See `messaging status` and `messaging logs`."
    )
