"""Clients of the event stream: what a server-sent event is, and who reads them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

LONGEST_WAIT_S = 30


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event as a client gets it."""

    id: str
    kind: str
    data: dict[str, Any]

    @property
    def what(self) -> tuple[str, Any]:
        """The kind, and the message's body or the read position."""
        return self.kind, self.data.get("body", self.data.get("read_position"))


def parse(lines: Iterable[str], *, on_id: Callable[[str], None] | None = None) -> Iterator[Told]:
    """Yield events as a browser understands the lines, `on_id` being told of every id."""
    id_, kind, data = "", "message", list[str]()
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            id_ = value
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif not line:
            if on_id:
                on_id(id_)
            if data:
                yield Told(id=id_, kind=kind, data=json.loads("\n".join(data)))
            kind, data = "message", []


class Listening:
    """Reads one stream in a thread of its own, from its opening to its end."""

    def __init__(self, http: httpx.Client, last_event_id: str | None = None) -> None:
        """Return once the stream has sent its first id."""
        self.told: list[Told] = []
        self.last_id = last_event_id or ""
        self.ended = threading.Event()
        self.status = 0
        self._http = http
        self._first = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self._first.wait(LONGEST_WAIT_S), "no answer"
        assert self.status == 200, f"refused with {self.status}"

    def _read(self) -> None:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        try:
            with self._http.stream(
                "GET", "/query/v1/stream", headers=headers, timeout=LONGEST_WAIT_S
            ) as response:
                self.status = response.status_code
                if self.status != 200:
                    return
                self._response = response
                for event in parse(response.iter_lines(), on_id=self._note):
                    self.told.append(event)
        except (httpx.HTTPError, OSError, RuntimeError):
            pass  # It was cut off, by the test or by what it broke.
        finally:
            self.ended.set()
            self._first.set()

    def _note(self, id_: str) -> None:
        self.last_id = id_
        self._first.set()

    def wait_for(self, count: int, seconds: float = LONGEST_WAIT_S) -> list[Told]:
        """Return what was told once it is `count` events; fail if that does not come about."""
        deadline = time.monotonic() + seconds
        while len(self.told) < count:
            assert time.monotonic() < deadline, f"told only {[one.what for one in self.told]}"
            time.sleep(0.01)
        return self.told

    def close(self) -> None:
        """Go away, as a client whose network fails."""
        if self._response is not None and not self.ended.is_set():
            _break(self._response)
        self._thread.join(LONGEST_WAIT_S)


class Follower:
    """Reads a person's stream for as long as it lives, from where it was, whatever happens."""

    def __init__(self, url: str, log_in: Callable[[httpx.Client], dict[str, str]]) -> None:
        """Return once a first stream is open; `log_in` returns the headers for a new one."""
        self.told: list[Told] = []
        self.streams = 0
        self._http = httpx.Client(base_url=url, timeout=LONGEST_WAIT_S)
        self._log_in = log_in
        self._last_id = ""
        self._stopped = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not self._last_id:
            assert time.monotonic() < deadline, "no stream opened"
            time.sleep(0.01)

    def _follow(self) -> None:
        headers = self._log_in(self._http)
        while not self._stopped.is_set():
            resumed = {"Last-Event-ID": self._last_id} if self._last_id else {}
            with (
                suppress(httpx.HTTPError),
                self._http.stream(
                    "GET", "/query/v1/stream", headers={**headers, **resumed}
                ) as response,
            ):
                if response.status_code == httpx.codes.UNAUTHORIZED:
                    headers = self._log_in(self._http)
                if response.status_code == httpx.codes.OK:
                    self.streams += 1
                    self._response = response
                    self.told.extend(parse(response.iter_lines(), on_id=self._note))
            self._stopped.wait(0.05)

    def _note(self, id_: str) -> None:
        self._last_id = id_

    def cut_off(self) -> None:
        """Break the connection that is open now."""
        if self._response is not None:
            _break(self._response)

    def stop(self) -> None:
        """Follow no more."""
        self._stopped.set()
        while self._thread.is_alive():
            self.cut_off()
            self._thread.join(0.1)
        self._http.close()


def _break(response: httpx.Response) -> None:
    # Closing it here would not wake the thread that reads.
    with suppress(OSError, KeyError, AttributeError):
        stream = response.extensions["network_stream"]
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
