"""Who had which name when last asked: a copy in Redis that all processes fill and share.

It serves only while the database is away, so that a process knows then what any other one knew
before, and what was known before a restart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any
from uuid import UUID

import redis

from runtime.ids import AccountId
from runtime.logging import get_logger

_log = get_logger(__name__)

KEPT_S = 7 * 24 * 3_600


class LastKnownNames:
    """The keys `name:<digest of the username>` of Redis.

    It promises nothing: where Redis does not answer nothing is found, and nothing is kept.
    """

    def __init__(self, client: redis.Redis) -> None:
        """Use `client`, whose timeouts bound how long a look-up waits."""
        self._redis = client

    def find(self, names: Collection[str]) -> dict[str, AccountId]:
        """Return by prepared name the accounts that had these names when last asked."""
        if not names:
            return {}
        asked = list(names)
        try:
            kept: list[Any] = self._redis.mget([_key(name) for name in asked])
        except redis.RedisError as error:
            _log.warning("last_known_names.unreadable", reason=type(error).__name__)
            return {}
        return {
            name: AccountId(UUID(bytes=bytes(value)))
            for name, value in zip(asked, kept, strict=True)
            if value is not None
        }

    def keep(self, names: Collection[str], found: Mapping[str, AccountId]) -> None:
        """Keep for a week what the database has just told of `names`, and forget whom it lacks."""
        told = self._redis.pipeline(transaction=False)
        for name in names:
            if name in found:
                told.set(_key(name), found[name].bytes, ex=KEPT_S)
            else:
                told.delete(_key(name))
        try:
            told.execute()
        except redis.RedisError as error:
            # Commands are refused then anyway: nothing can be appended.
            _log.warning("last_known_names.unwritable", reason=type(error).__name__)


def _key(name: str) -> str:
    # Of one length, and a name is not there to be read once its account is deleted.
    return f"name:{blake2b(name.encode(), digest_size=16).hexdigest()}"
