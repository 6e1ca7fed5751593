"""Waits until the whole stack says that it is ready, and else names the part that is not."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Protocol

from local_stack.errors import StackError
from local_stack.state import State
from local_stack.supervisor import Supervisor

_READY_S = 180
_POLL_S = 0.1
_ANSWER_S = 5


class _Reporter(Protocol):
    def step(self, text: str) -> None: ...


def wait(state: State, supervisor: Supervisor, report: _Reporter) -> None:
    """Return once every process runs and `/readyz` says that all parts are ready.

    Raises:
        StackError: That does not come about; says what is missing and which log tells more.
    """
    address = f"http://127.0.0.1:{state.record.ports['nginx']}/readyz"
    deadline = time.monotonic() + _READY_S
    while True:
        idle = [told.name for told in supervisor.services() if told.state != "running"]
        missing = idle or not_ready(address)
        if not missing:
            return
        report.step("Waiting for " + ", ".join(missing))
        if time.monotonic() > deadline:
            raise StackError(
                f"Not ready after {_READY_S} s: {', '.join(missing)}. It goes on trying;"
                f" the logs are in {state.logs}: messaging logs {idle[0] if idle else ''}".strip()
            )
        time.sleep(_POLL_S)


def not_ready(address: str) -> list[str]:
    """Return the parts that `/readyz` at `address` calls not ready; `readyz` if it is silent."""
    try:
        with urllib.request.urlopen(address, timeout=_ANSWER_S) as answer:  # noqa: S310  # ours
            return [] if answer.status == 200 else ["readyz"]
    except urllib.error.HTTPError as error:
        return _parts(error.read()) or [f"readyz ({error.code})"]
    except (OSError, ValueError):
        return ["readyz"]


def _parts(body: bytes) -> list[str]:
    try:
        parts = json.loads(body)["parts"]
        return [name for name, part in parts.items() if part["status"] != "ready"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
