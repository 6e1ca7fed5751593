"""The faults: each does its harm and undoes it; what is killed comes back by itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

import psycopg2
from redis.exceptions import RedisError

from tests.chaos.suite.traffic import Traffic
from tests.chaos.suite.victim import Victim

_HOUR_S = 3600
_WORKERS = ("worker-1", "worker-2")
_NUMBERS = "SELECT sum(number) FROM event_log.checkpoint"
Harm = Callable[[Victim, Traffic, Random], None]


def _kill(name: str, victim: Victim, _traffic: Traffic, _random: Random) -> None:
    victim.send(name, signal.SIGKILL)


def _kill_child(victim: Victim, _traffic: Traffic, random: Random) -> None:
    victim.kill_child(random)


def _kill_all(victim: Victim, _traffic: Traffic, _random: Random) -> None:
    victim.kill_all(supervisor=False)


def _kill_supervisor(victim: Victim, _traffic: Traffic, _random: Random) -> None:
    victim.kill_all(supervisor=True)
    victim.up()


def _kill_workers_after_a_commit(victim: Victim, _traffic: Traffic, _random: Random) -> None:
    """Strike when a checkpoint has just moved: its entries are committed, nothing more is done."""
    try:
        with victim.stack.connect("worker") as connection, connection.cursor() as cursor:
            cursor.execute(_NUMBERS)
            before = after = cursor.fetchone()
            deadline = time.monotonic() + 5
            while after == before and time.monotonic() < deadline:
                cursor.execute(_NUMBERS)
                after = cursor.fetchone()
        connection.close()
    except psycopg2.OperationalError:
        pass  # Another fault has the primary.
    for name in _WORKERS:
        victim.send(name, signal.SIGKILL)


def _restart(name: str, victim: Victim, _traffic: Traffic, _random: Random) -> None:
    victim.restart(name)


def _freeze(name: str, victim: Victim, _traffic: Traffic, random: Random) -> None:
    victim.freeze(name, random.uniform(0.5, 6.0))


def _fill_the_volume(victim: Victim, _traffic: Traffic, random: Random) -> None:
    folder = victim.arms.volume
    assert folder is not None
    ballast = folder / "ballast"
    try:
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        # The last bytes too.
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(b"0")
        time.sleep(random.uniform(0.5, 4.0))
    finally:
        ballast.unlink(missing_ok=True)


def _step_the_clock(victim: Victim, _traffic: Traffic, random: Random) -> None:
    victim.arms.set_clock(victim.arms.clock - random.randrange(60, _HOUR_S))
    time.sleep(random.uniform(1.0, 3.0))


def _replace_redis(victim: Victim, traffic: Traffic, _random: Random) -> None:
    """Give Redis up for an empty one whose clock is an hour behind.

    What was accepted and not applied is lost by that, with the keys of what is under way: so
    nothing is under way, and all is applied, when it happens.
    """
    with traffic.held():
        traffic.await_applied()
        # Where it cannot be set, an empty Redis with the right clock is a fault as well.
        victim.arms.set_clock(victim.arms.clock - _HOUR_S)
        victim.stop("redis")
        _empty(victim.stack.servers / "redis/appendonlydir")
        victim.start("redis")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink(missing_ok=True)


def _flush_the_broker(victim: Victim, _traffic: Traffic, _random: Random) -> None:
    with suppress(RedisError), victim.redis(database=1) as broker:
        broker.flushdb()


def _several(victim: Victim, traffic: Traffic, random: Random) -> None:
    chosen = random.sample(sorted(_TOGETHER), 4)
    with ThreadPoolExecutor(len(chosen)) as pool:
        harms = [
            pool.submit(_TOGETHER[kind], victim, traffic, Random(random.random()))
            for kind in chosen
        ]
    for harm in harms:
        harm.result()


_SERVICES = (
    *("primary", "replica", "redis", "pgpool", "auth_api", "command_api"),
    *("query_api", "pgpool_watch"),
    *("query_stream", *_WORKERS, "beat", "flower", "nginx"),
)
_RESTARTED = ("redis", "primary")
_FROZEN = ("replica", "redis", "primary", "pgpool", "worker-1", "command_api")
_TOGETHER: Mapping[str, Harm] = {
    **{f"kill -9 {name}": partial(_kill, name) for name in _SERVICES},
    "kill -9 any child": _kill_child,
    "broker flushed": _flush_the_broker,
    **{f"freeze {name}": partial(_freeze, name) for name in _FROZEN},
}
KINDS: Mapping[str, Harm] = {
    **_TOGETHER,
    **{f"restart {name}": partial(_restart, name) for name in _RESTARTED},
    "kill -9 both workers after a commit": _kill_workers_after_a_commit,
    "kill -9 everything at once": _kill_all,
    "kill -9 supervisor and all, then up": _kill_supervisor,
    "queue's disk full": _fill_the_volume,
    "clock of Redis stepped back": _step_the_clock,
    "Redis replaced by an empty one, an hour behind": _replace_redis,
    "four at once": _several,
}
# Which kinds cannot be made where these arms are missing.
NEEDS = {
    "queue's disk full": "volume",
    "clock of Redis stepped back": "clock",
    "Redis replaced by an empty one, an hour behind": "clock",
}
