"""Tells those who wait for news that a batch is committed, so that they look without delay."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from events.contracts.notices import CHANNEL, Notice
from events.contracts.offsets import Offset
from runtime.ids import Partition
from runtime.logging import get_logger

_log = get_logger(__name__)


class Notifier:
    """Publishes notices on Redis, one for a batch, and never mind whether anybody hears them."""

    def __init__(self, redis: Redis) -> None:
        """Publish on `redis`."""
        self._redis = redis

    def applied(self, partition: Partition, offset: Offset) -> None:
        """Tell that `partition` is applied up to `offset`; a failure is logged.

        A notice that is lost costs a stream a second: it looks by itself as often.
        """
        try:
            self._redis.publish(CHANNEL, Notice(partition=partition, offset=offset).encode())
        except RedisError as error:
            _log.warning("notice.lost", partition=partition, error=str(error))
