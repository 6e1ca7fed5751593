"""Hears the workers' notices on Redis; what is missed is found by looking, a little later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis

from events.contracts.notices import CHANNEL, Notice
from runtime.logging import get_logger

_log = get_logger(__name__)

_PAUSE_S = 1.0
_NEVER = float("-inf")


class Notices:
    """A subscription that is taken up again when it breaks; used by one thread."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Subscribe by `client` when first asked."""
        # redis-py leaves its subscriptions untyped.
        self._redis: Any = client
        self._clock = clock
        self._sleep = sleep
        self._subscription: Any = None
        self._away_until = _NEVER

    def wait(self, seconds: float) -> list[Notice]:
        """Return what was heard, as soon as there is something; nothing after `seconds`."""
        deadline = self._clock() + seconds
        if self._clock() < self._away_until:
            self._sleep(max(0.0, seconds))
            return []
        try:
            return self._hear(seconds)
        except redis.RedisError as error:
            _log.warning("notices.unheard", cause=repr(error))
            self.stop()
            self._away_until = self._clock() + _PAUSE_S
            self._sleep(max(0.0, deadline - self._clock()))
            return []

    def stop(self) -> None:
        """Hear nothing more, until asked again."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def _hear(self, seconds: float) -> list[Notice]:
        if self._subscription is None:
            self._subscription = self._redis.pubsub(ignore_subscribe_messages=True)
            self._subscription.subscribe(CHANNEL)
        heard: list[Notice] = []
        deadline = self._clock() + seconds
        while True:
            # Once something is heard, only what has come already is taken along.
            left = 0.0 if heard else max(0.0, deadline - self._clock())
            message = self._subscription.get_message(timeout=left)
            if message is not None and (notice := _notice(message)):
                heard.append(notice)
            elif message is None and (heard or self._clock() >= deadline):
                return heard


def _notice(message: dict[str, Any]) -> Notice | None:
    try:
        return Notice.decode(message["data"].decode("ascii"))
    except (ValueError, AttributeError):
        _log.warning("notice.strange")
        return None
