"""Readiness: what a service needs, looked at in parallel, each look with a short limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

import httpx
import redis
from flask import Blueprint, Response
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from runtime.errors import UnavailableError
from runtime.logging import get_logger
from web.guard import public
from web.responses import json_response

_log = get_logger(__name__)

# Returns what is worth saying of a part that is ready, mostly nothing.
Check = Callable[[], str | None]


class Found(NamedTuple):
    """Whether a part is ready, what there is to say of it, and why for the log alone."""

    ready: bool
    detail: str | None = None
    cause: str | None = None


LONGEST_LOOK_S = 2.0
# So long an answer serves everybody who asks: readiness is public and must not become a load.
_KEPT_S = 0.5


class Readiness:
    """Looks at parts by checks that return when ready and raise UnavailableError when not."""

    def __init__(
        self, parts: Mapping[str, Check], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Look at `parts` only when asked."""
        self._parts = dict(parts)
        self._clock = clock
        self._lock = threading.Lock()
        self._found: Mapping[str, Found] = {}
        self._found_at = float("-inf")

    def response(self) -> Response:
        """Return 200 where every part is ready, else 503 with Retry-After; both name all parts."""
        found = self.look()
        ready = all(part.ready for part in found.values())
        members = {
            "status": "ready" if ready else "unready",
            "parts": {name: _part(part) for name, part in found.items()},
        }
        if ready:
            return json_response(members, headers={"Cache-Control": "no-store"})
        return json_response(members, 503, {"Cache-Control": "no-store", "Retry-After": "1"})

    def look(self) -> Mapping[str, Found]:
        """Return what was found of each part; at most half a second old."""
        with self._lock:
            if self._clock() - self._found_at > _KEPT_S:
                before, self._found = self._found, _look(self._parts)
                self._found_at = self._clock()
                _log_lost(before, self._found)
            return self._found


def aggregate(readiness: Readiness) -> Blueprint:
    """Return the blueprint that serves `GET /readyz` for the whole system."""
    blueprint = Blueprint("readiness", __name__)

    @public
    def readyz() -> Response:
        """Tell whether every part of the system is ready."""
        return readiness.response()

    blueprint.add_url_rule("/readyz", view_func=readyz)
    return blueprint


def database_answers(engine: Engine) -> Check:
    """Return a check that the database answers."""

    def check() -> None:
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise UnavailableError("The database does not answer.") from error

    return check


def redis_answers(client: redis.Redis) -> Check:
    """Return a check that Redis answers."""

    def check() -> None:
        try:
            client.ping()
        except redis.RedisError as error:
            raise UnavailableError("Redis does not answer.") from error

    return check


def heartbeat(client: redis.Redis, name: str) -> Check:
    """Return a check that the key `heartbeat:<name>` has not run out."""

    def check() -> None:
        try:
            beat = client.get(f"heartbeat:{name}")
        except redis.RedisError as error:
            raise UnavailableError("Redis does not answer.") from error
        if beat is None:
            raise UnavailableError(f"No heartbeat of {name} lately.")

    return check


def service_ready(url: str) -> Check:
    """Return a check that another service of ours answers its readyz at `url` with 200."""

    def check() -> None:
        try:
            answer = httpx.get(url, timeout=LONGEST_LOOK_S, trust_env=False)
        except httpx.HTTPError as error:
            raise UnavailableError("The service does not answer.") from error
        if answer.status_code != 200:
            raise UnavailableError(f"The service answers {answer.status_code}: {_unready(answer)}.")

    return check


def _unready(answer: httpx.Response) -> str:
    try:
        parts = answer.json()["parts"]
        names = [name for name, part in parts.items() if part["status"] != "ready"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "not ready"
    return ", ".join(names) + " not ready"


def _look(parts: Mapping[str, Check]) -> Mapping[str, Found]:
    if not parts:
        return {}
    pool = ThreadPoolExecutor(max_workers=len(parts), thread_name_prefix="readiness")
    looks = {name: pool.submit(check) for name, check in parts.items()}
    wait(looks.values(), timeout=LONGEST_LOOK_S)
    # A check that hangs ends by its own timeout; nobody waits for it here.
    pool.shutdown(wait=False, cancel_futures=True)
    return {name: _outcome(name, look) for name, look in looks.items()}


def _outcome(name: str, look: Future[str | None]) -> Found:
    if not look.done():
        return Found(ready=False, detail=f"No answer within {LONGEST_LOOK_S:g} s.")
    error = look.exception()
    if error is None:
        return Found(ready=True, detail=look.result())
    if isinstance(error, UnavailableError):
        return Found(ready=False, detail=str(error), cause=_root(error))
    # Its text may name hosts or users: that is for the log.
    _log.error("readiness.check.failed", part=name, exc_info=error)
    return Found(ready=False, detail="The check failed; the log says why.")


def _root(error: BaseException) -> str | None:
    cause = error.__cause__
    while cause is not None and cause.__cause__ is not None:
        cause = cause.__cause__
    return None if cause is None else str(cause).strip()


def _log_lost(before: Mapping[str, Found], now: Mapping[str, Found]) -> None:
    # Once, not at each look; before a request comes nothing else tells of a wrong certificate.
    for name, found in now.items():
        if not found.ready and (name not in before or before[name].ready):
            _log.warning("part.unready", part=name, reason=found.detail, cause=found.cause)


def _part(found: Found) -> dict[str, str]:
    detail = {} if found.detail is None else {"detail": found.detail}
    return {"status": "ready" if found.ready else "unready", **detail}
