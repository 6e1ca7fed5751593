"""One line in the log for each request, without what it would cost to go through `logging`."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Request, Response

_LOGGER = "web.access"
_STDERR = 2


class AccessLog:
    """Writes `request.served` lines of the same shape as every other log event.

    The detour through structlog and `logging` costs as much as all the rest that we add to a
    request; a line of one write needs no lock either.
    """

    def __init__(self, *, service: str) -> None:
        """Name `service` in each line."""
        self._service = service
        self._logger = logging.getLogger(_LOGGER)

    def write(self, response: Response, request: Request, context: Any, seconds: float) -> None:
        """Record `request`, whose context `flask.g` is, answered by `response` after `seconds`."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        rule = request.url_rule
        identity = context.get("identity")
        line = {
            "event": "request.served",
            "method": request.method,
            "route": rule.rule if rule is not None else None,
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 3),
            "request_id": context.request_id,
            "account": identity.account_id if identity is not None else None,
            "level": "info",
            "logger": _LOGGER,
            "service": self._service,
            "timestamp": datetime.now(UTC),
        }
        # A log that is gone or full, as when the supervisor was killed, is no reason to answer 500.
        with suppress(OSError):
            os.write(_STDERR, orjson.dumps(line, option=_LINE))


_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
