"""Which settings a user may make in the environment of `up`, and which service learns of which."""

from __future__ import annotations

import re
from collections.abc import Mapping

from local_stack.errors import StackError

ALL = ("MESSAGING_LOG_LEVEL", "MESSAGING_PUBLIC_URL")
PARTITIONS = "MESSAGING_EVENT_PARTITIONS"
QUEUE = ("MESSAGING_QUEUE_LIMIT", "MESSAGING_BELL_TTL")
PROJECTING = ("MESSAGING_QUEUE_RETENTION", "MESSAGING_BATCH_SIZE")
FAULTS = ("MESSAGING_EVENT_ATTEMPTS", "MESSAGING_POISON_SHARE", "MESSAGING_POISON_LEAST")
CANARY = ("MESSAGING_CANARY_SECONDS", "MESSAGING_CANARY_LIMIT")
COMMAND_RATE = ("MESSAGING_COMMAND_RATE", "MESSAGING_COMMAND_BURST")
STREAMS = (
    "MESSAGING_STREAM_LIMIT",
    "MESSAGING_STREAM_ACCOUNT_LIMIT",
    "MESSAGING_STREAM_HEARTBEAT",
)
PROFILE = ("MESSAGING_PROFILE", "MESSAGING_PROFILE_SLOW_MS", "MESSAGING_PROFILE_SHOWN")
# Enforced by NGINX.
ADDRESS = ("MESSAGING_AUTH_RATE", "MESSAGING_AUTH_BURST", "MESSAGING_STREAM_ADDRESS_LIMIT")
LOGIN = (
    "MESSAGING_LOGIN_FAILURES_ACCOUNT",
    "MESSAGING_LOGIN_FAILURES_ADDRESS",
    "MESSAGING_LOGIN_WINDOW",
)
ACCESS = ("MESSAGING_ACCESS_LIFETIME",)
SESSIONS = (
    *ACCESS,
    "MESSAGING_SESSION_LIFETIME",
    "MESSAGING_SESSION_IDLE",
    "MESSAGING_REFRESH_GRACE",
)
ARGON2 = ("MESSAGING_ARGON2_MEMORY_KIB", "MESSAGING_ARGON2_PASSES", "MESSAGING_ARGON2_LANES")

_NUMBER = (re.compile(r"[1-9][0-9]{0,11}"), "a whole number of at least 1")
_NUMBER_OR_NONE = (re.compile(r"0|[1-9][0-9]{0,8}"), "a whole number, or 0 for none")
# What each must look like: no service is started with a value that it would refuse.
FORMS = {
    **dict.fromkeys((*QUEUE, *PROJECTING, *FAULTS, *COMMAND_RATE, *STREAMS, *ADDRESS), _NUMBER),
    **dict.fromkeys((*LOGIN, *SESSIONS, *ARGON2), _NUMBER),
    "MESSAGING_POISON_SHARE": (re.compile(r"[1-9][0-9]?|100"), "a whole number from 1 to 100"),
    "MESSAGING_REFRESH_GRACE": _NUMBER_OR_NONE,
    "MESSAGING_ARGON2_MEMORY_KIB": (
        re.compile(r"[89]|[1-9][0-9]{1,11}"),
        "a whole number of at least 8",
    ),
    "MESSAGING_CANARY_LIMIT": _NUMBER,
    "MESSAGING_CANARY_SECONDS": _NUMBER_OR_NONE,
    "MESSAGING_PROFILE": (re.compile("[01]"), "1 or 0"),
    **dict.fromkeys(PROFILE[1:], _NUMBER_OR_NONE),
    "MESSAGING_LOG_LEVEL": (
        re.compile("DEBUG|INFO|WARNING|ERROR|CRITICAL", re.IGNORECASE),
        "DEBUG, INFO, WARNING, ERROR or CRITICAL",
    ),
    "MESSAGING_PUBLIC_URL": (
        re.compile(r"https?://[A-Za-z0-9.:\[\]-]+"),
        "an address without a path, like https://chat.example",
    ),
    "MESSAGING_REDIS_MEMORY": (re.compile(r"[1-9][0-9]*[kmg]b"), "a size like 512mb"),
}


def read(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that `environ` makes.

    Raises:
        StackError: One has no usable value.
    """
    made = {name: environ[name] for name in FORMS if environ.get(name)}
    for name, value in made.items():
        form, wanted = FORMS[name]
        if not form.fullmatch(value):
            raise StackError(f"{name}={value!r} is not usable: give {wanted}, or unset it.")
    return made


def some(made: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return those of the settings `made` that `names` lists."""
    return {name: made[name] for name in names if name in made}
