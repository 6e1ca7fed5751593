"""What the present request spends on SQL and on Redis, where MESSAGING_PROFILE is 1.

Connections that count are made only then; without a request that is profiled, as in a thread of
its own, they count nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Literal, ParamSpec, TypeVar

Part = Literal["sql", "redis"]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(slots=True)
class Spent:
    """How often a part was asked, and for how long that was waited for, in seconds."""

    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Executed:
    """A statement with placeholders where its values were, and how long it took, in seconds.

    Attributes:
        plan: Line by line; None where it was not slow, or has none.
        no_plan: Why Postgres gave no plan: an SQLSTATE.
    """

    statement: str
    seconds: float
    plan: Sequence[str] | None = None
    no_plan: str | None = None


@dataclass(slots=True)
class Profile:
    """What one request has spent so far.

    Attributes:
        executed: Its statements; None where nobody asks which they were.
    """

    started: float = field(default_factory=time.perf_counter)
    sql: Spent = field(default_factory=Spent)
    redis: Spent = field(default_factory=Spent)
    executed: list[Executed] | None = None
    waiting: bool = False


_present: ContextVar[Profile | None] = ContextVar("profile", default=None)


def begin(*, keep_statements: bool = False) -> Profile:
    """Return the profile of the request that begins now in this thread; its statements if asked."""
    profile = Profile(executed=[] if keep_statements else None)
    _present.set(profile)
    return profile


def end() -> Profile | None:
    """Return the profile of this thread's request, or None; it grows no more."""
    profile = _present.get()
    _present.set(None)
    return profile


def present() -> Profile | None:
    """Return the profile of this thread's request, None where none is profiled."""
    return _present.get()


@contextmanager
def spending(part: Part, *, count: int = 1) -> Iterator[None]:
    """Add the time that the block takes to the present request's, and `count` to its number.

    What waits within another block is part of that one.
    """
    profile = _present.get()
    if profile is None or profile.waiting:
        yield
        return
    spent = profile.sql if part == "sql" else profile.redis
    profile.waiting = True
    started = time.perf_counter()
    try:
        yield
    finally:
        spent.seconds += time.perf_counter() - started
        spent.count += count
        profile.waiting = False


def counted(part: Part, call: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Return `call`, each call of which counts as one of `part`."""

    @wraps(call)
    def counting(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with spending(part):
            return call(*args, **kwargs)

    return counting
